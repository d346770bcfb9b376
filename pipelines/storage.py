"""The one place that knows path schemes: every byte that Python reads or writes goes through here.

A URI without a scheme is a path on this machine. Spark is handed the same URIs.
"""

import json
import os
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
from fsspec import AbstractFileSystem

from pipelines.errors import ConfigError

SCHEMES = ("file",)


class Entry(NamedTuple):
    """One file or folder: size in bytes, time of the last change in seconds since 1970."""

    uri: str
    size_bytes: int
    modified_at: float
    is_dir: bool


def absolute(uri: str) -> str:
    """Return `uri` with a scheme and an absolute path, without a slash at its end.

    Raises:
        ConfigError: the scheme is not one that darkroom reads.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        scheme, rest = "file", os.path.abspath(os.path.expanduser(uri))
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise ConfigError(f"cannot use {uri!r}: unknown scheme {scheme}://; use a path or one of {known}")
    if not rest.startswith("/"):
        raise ConfigError(f"cannot use {uri!r}: file:// needs an absolute path, as in file:///photos")
    return f"{scheme}://{rest.rstrip('/') or '/'}"


def join(uri: str, *parts: str) -> str:
    """Append path segments to a URI."""
    return "/".join([uri.rstrip("/"), *parts])


def filesystem(uri: str) -> tuple[AbstractFileSystem, str]:
    """Return the filesystem that holds `uri`, and the path there."""
    scheme, _, path = absolute(uri).partition("://")
    return fsspec.filesystem(scheme), path


def local_path(uri: str) -> Path | None:
    """Return the path of a URI on this machine's disk, None for any other storage."""
    scheme, _, path = absolute(uri).partition("://")
    return Path(path) if scheme == "file" else None


def exists(uri: str) -> bool:
    """Say whether a file or folder is there."""
    fs, path = filesystem(uri)
    return bool(fs.exists(path))


def is_dir(uri: str) -> bool:
    """Say whether a folder is there."""
    fs, path = filesystem(uri)
    return bool(fs.isdir(path))


def names(uri: str) -> list[str]:
    """Return the sorted names in a folder, an empty list if there is no such folder."""
    fs, path = filesystem(uri)
    if not fs.isdir(path):
        return []
    return sorted(str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in fs.ls(path, detail=False))


def entries(uri: str) -> list[Entry]:
    """Return what is in a folder, sorted by name; links are followed."""
    found = (stat(join(uri, name)) for name in names(uri))
    return [entry for entry in found if entry]


def stat(uri: str) -> Entry | None:
    """Return what is known of a file or folder, None if it is not there."""
    fs, path = filesystem(uri)
    try:
        info = fs.info(path)
    except FileNotFoundError:
        return None
    size = info.get("destination_size", info["size"]) if info.get("islink") else info["size"]
    return Entry(uri, int(size), float(info["mtime"]), info["type"] == "directory")


def read_bytes(uri: str) -> bytes:
    """Read a whole file; FileNotFoundError if it is not there."""
    fs, path = filesystem(uri)
    with fs.open(path, "rb") as file:
        return bytes(file.read())


def write_bytes(uri: str, content: bytes) -> None:
    """Write a whole file; a reader sees the old content or the new, never a part."""
    fs, path = filesystem(uri)
    fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
    aside = f"{path.rsplit('/', 1)[0]}/_{uuid.uuid4().hex}.tmp"
    with fs.open(aside, "wb") as file:
        file.write(content)
    replace(f"{absolute(uri).partition('://')[0]}://{aside}", uri)


def read_json(uri: str) -> Any:
    """Read a JSON document."""
    return json.loads(read_bytes(uri))


def write_json(uri: str, document: Any) -> None:
    """Write a JSON document, indented, as `write_bytes` does."""
    write_bytes(uri, json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n")


def replace(source: str, target: str) -> None:
    """Rename a file or folder on one filesystem; an existing target file is replaced."""
    (_, old), (fs, new) = filesystem(source), filesystem(target)
    fs.makedirs(new.rsplit("/", 1)[0], exist_ok=True)
    os.replace(old, new)


def remove(uri: str) -> None:
    """Delete a file or a folder with all that is in it; nothing happens if it is not there."""
    fs, path = filesystem(uri)
    if fs.exists(path):
        fs.rm(path, recursive=True)


def upload(folder: Path, uri: str) -> None:
    """Copy the files of a folder of this machine to `uri`, in place of those with the same names."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        write_bytes(join(uri, *file.relative_to(folder).parts), file.read_bytes())
