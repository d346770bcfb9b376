"""The one place that knows path schemes: every byte that Python reads or writes goes through here.

A URI without a scheme is a path on this machine. Spark is handed the same URIs.

Credentials come from where each filesystem's own library looks: for S3 the AWS environment variables, ~/.aws or the
machine's role (AWS_ENDPOINT_URL names another server than Amazon's); for HDFS see pipelines/webhdfs.py.
"""

import contextlib
import functools
import importlib.util
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from pipelines.errors import ConfigError, DarkroomError, StorageError

SCHEMES = {"file": "file", "hdfs": "hdfs", "s3a": "s3a", "s3": "s3a"}  # as users write them, as Spark does
S3_OPTIONS = {
    "use_listings_cache": False,
    "config_kwargs": {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 3}},
}


class Entry(NamedTuple):
    """One file or folder: size in bytes, time of the last change in seconds since 1970."""

    uri: str
    size_bytes: int
    modified_at: float
    is_dir: bool


def absolute(uri: str) -> str:
    """Return `uri` with a scheme and an absolute path, without a slash at its end; s3:// becomes s3a://.

    Raises:
        ConfigError: the scheme is not one that darkroom reads, or a part of the URI is missing.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        scheme, rest = "file", os.path.abspath(os.path.expanduser(uri))
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise ConfigError(f"cannot use {uri!r}: unknown scheme {scheme}://; use a path or one of {known}")
    if scheme == "file" and not rest.startswith("/"):
        raise ConfigError(f"cannot use {uri!r}: file:// needs an absolute path, as in file:///photos")
    if SCHEMES[scheme] == "s3a" and not rest.partition("/")[0]:
        raise ConfigError(f"cannot use {uri!r}: a bucket is missing, as in s3a://bucket/photos")
    if scheme == "hdfs" and "/" not in rest:
        raise ConfigError(f"cannot use {uri!r}: a path is missing, as in hdfs://namenode:8020/photos or hdfs:///photos")
    return f"{SCHEMES[scheme]}://{rest.rstrip('/') or '/'}"


def join(uri: str, *parts: str) -> str:
    """Append path segments to a URI."""
    return "/".join([uri.rstrip("/"), *parts])


@contextlib.contextmanager
def filesystem(uri: str, *, to_write: bool = False) -> Iterator[tuple[AbstractFileSystem, str]]:
    """Give the filesystem that holds `uri`, and the path there; the block's errors become one kind.

    FileNotFoundError stays as it is, callers ask for it; `to_write`, it can only mean that a bucket is missing.

    Raises:
        StorageError: the storage refuses or does not answer; the message says what to look at.
    """
    try:
        yield _open(uri)
    except Exception as error:
        asked_for = (NotADirectoryError, IsADirectoryError, *(() if to_write else (FileNotFoundError,)))
        if isinstance(error, (*asked_for, DarkroomError)):
            raise
        said = " ".join(str(error).split())  # some servers say it in several lines
        raise StorageError(f"{uri}: {type(error).__name__}: {said}; {remedy(uri)}") from error


def _open(uri: str) -> tuple[AbstractFileSystem, str]:
    scheme, _, rest = absolute(uri).partition("://")
    if scheme == "file":
        return _local(), rest
    if scheme == "hdfs":
        from pipelines.webhdfs import WebHdfs

        authority, _, path = rest.partition("/")
        return WebHdfs(authority), f"/{path}"
    if importlib.util.find_spec("s3fs") is None:
        raise ConfigError(f"cannot use {uri!r}: s3fs is not installed; install darkroom[s3]")
    return fsspec.filesystem("s3", **S3_OPTIONS), rest


@functools.lru_cache(maxsize=1)
def _local() -> AbstractFileSystem:
    """Find it once: fsspec takes longer to look it up than a photo to be read."""
    return fsspec.filesystem("file")


def remedy(uri: str) -> str:
    """Say what to look at when the storage of a URI refuses or does not answer."""
    if _is_s3(uri):
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "not set, so Amazon's")
        return (
            f"look at bucket and permissions, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or ~/.aws, or the machine's "
            f"role), and AWS_ENDPOINT_URL ({endpoint})"
        )
    if uri.startswith("hdfs"):
        folder = os.environ.get("HADOOP_CONF_DIR", "not set")
        return (
            f"look at HADOOP_CONF_DIR ({folder}), HADOOP_USER_NAME, the folder's quota (hdfs dfs -count -q), "
            "and the name node: is it up, in safe mode?"
        )
    return "look at the path's permissions and at the free space of its disk and of spark.local.dir"


def _is_s3(uri: str) -> bool:
    return absolute(uri).startswith("s3a://")


def local_path(uri: str) -> Path | None:
    """Return the path of a URI on this machine's disk, None for any other storage."""
    scheme, _, path = absolute(uri).partition("://")
    return Path(path) if scheme == "file" else None


def exists(uri: str) -> bool:
    """Say whether a file or folder is there."""
    with filesystem(uri) as (fs, path):
        return bool(fs.exists(path))


def is_dir(uri: str) -> bool:
    """Say whether a folder is there."""
    with filesystem(uri) as (fs, path):
        return bool(fs.isdir(path))


def names(uri: str) -> list[str]:
    """Return the sorted names in a folder, an empty list if there is no such folder."""
    return [entry.uri.rsplit("/", 1)[-1] for entry in entries(uri)]


def entries(uri: str) -> list[Entry]:
    """Return what is in a folder, sorted by name; links are followed. Empty if there is no such folder."""
    return sorted(scan(uri))


def scan(uri: str) -> Iterator[Entry]:
    """Yield what is in a folder as the storage lists it, a page in memory at a time, however large the folder."""
    with filesystem(uri) as (fs, path):
        if not fs.isdir(path):
            return
        for info in _pages(fs, path, uri):
            name = str(info["name"]).rstrip("/").rsplit("/", 1)[-1]
            if info["name"].rstrip("/") != path.rstrip("/"):
                yield _entry(join(uri, name), info)


def _pages(fs: AbstractFileSystem, path: str, uri: str) -> Iterator[dict[str, Any]]:
    """Chain the pages of a folder's listing; fsspec's own `ls` holds all of them at once."""
    if _is_s3(uri):
        yield from _s3_pages(fs, path)
    elif "file" in fs.protocol:
        with os.scandir(path) as found:
            yield from map(fs.info, found)
    else:
        yield from fs.iterdir(path)


def _s3_pages(fs: AbstractFileSystem, path: str) -> Iterator[dict[str, Any]]:
    bucket, _, key = path.partition("/")
    request = {"Bucket": bucket, "Prefix": f"{key.rstrip('/')}/" if key else "", "Delimiter": "/"}
    while True:
        page = fs.call_s3("list_objects_v2", **request)
        for folder in page.get("CommonPrefixes", ()):
            yield {"name": f"{bucket}/{folder['Prefix']}", "type": "directory"}
        for item in page.get("Contents", ()):
            yield {**item, "name": f"{bucket}/{item['Key']}", "size": item["Size"], "type": "file"}
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


def stat(uri: str) -> Entry | None:
    """Return what is known of a file or folder, None if it is not there."""
    try:
        with filesystem(uri) as (fs, path):
            return _entry(uri, fs.info(path))
    except FileNotFoundError:
        return None


def _entry(uri: str, info: dict[str, Any]) -> Entry:
    """Read what the filesystems call differently: sizes of linked files, times as numbers or dates."""
    modified = info.get("mtime", info.get("LastModified", 0.0))
    seconds = modified if isinstance(modified, int | float) else modified.timestamp()
    return Entry(uri, int(info.get("size") or 0), float(seconds), info["type"] == "directory")


def read_bytes(uri: str) -> bytes:
    """Read a whole file; FileNotFoundError if it is not there."""
    with filesystem(uri) as (fs, path):
        if isinstance(fs, LocalFileSystem):
            with io.FileIO(path) as local:  # four times as fast as a file object of fsspec's
                return local.readall()
        with fs.open(path, "rb") as file:
            return bytes(file.read())


def write_bytes(uri: str, content: bytes) -> None:
    """Write a whole file; a reader sees the old content or the new, never a part."""
    with filesystem(uri, to_write=True) as (fs, path):
        if _is_s3(uri):
            fs.pipe_file(path, content)
            return
        aside = _aside(fs, path)
        fs.pipe_file(aside, content)
        _rename(fs, aside, path)


def _aside(fs: AbstractFileSystem, path: str) -> str:
    """Return where a file is written before it gets its name; the same place each time, so that no litter grows."""
    folder, _, name = path.rpartition("/")
    fs.makedirs(folder, exist_ok=True)
    return f"{folder}/_{name}.tmp"


def put_file(file: Path, uri: str) -> None:
    """Copy a file of this machine to `uri`, a part at a time; it appears there whole or not at all."""
    with filesystem(uri, to_write=True) as (fs, path):
        if _is_s3(uri):
            fs.put_file(str(file), path)
            return
        aside = _aside(fs, path)
        fs.put_file(str(file), aside)
        _rename(fs, aside, path)


@contextlib.contextmanager
def writing(uri: str) -> Iterator[Path]:
    """Give a file of this machine to write to: when the block ends it is at `uri`, whole; not after an error.

    Raises:
        StorageError: this machine's disk refuses the file, or the storage does; an OSError of the block is taken so.
    """
    place = local_path(uri)
    with tempfile.TemporaryDirectory() if place is None else contextlib.nullcontext("") as folder:
        aside = place.with_name(f"_{place.name}.tmp") if place else Path(folder) / "file"
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield aside
            if place:
                os.replace(aside, place)
            else:
                put_file(aside, uri)
        except OSError as error:
            raise StorageError(f"{aside}: {error}; {remedy(f'file://{aside}')}") from error
        finally:
            aside.unlink(missing_ok=True)


def read_json(uri: str) -> Any:
    """Read a JSON document."""
    return json.loads(read_bytes(uri))


def write_json(uri: str, document: Any) -> None:
    """Write a JSON document, indented, as `write_bytes` does."""
    write_bytes(uri, json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n")


def create(uri: str, document: Any) -> bool:
    """Write a small JSON document where there is none; of two processes at once one gets False."""
    content = json.dumps(document).encode()
    with filesystem(uri, to_write=True) as (fs, path):
        try:
            if _is_s3(uri):
                fs.pipe_file(path, content, mode="create")
                return True
            fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            with fs.open(path, "xb") as file:
                file.write(content)
        except FileExistsError:
            return False
    return True


def replace(source: str, target: str) -> None:
    """Rename a file or folder on one storage; an existing target file is replaced.

    One step on disks and HDFS. S3 has no rename: the server copies the objects, then they are deleted.
    """
    place(source, target)
    if _is_s3(source):
        remove(source)


def place(source: str, target: str) -> None:
    """Make a file or folder appear at `target`: renamed, or, on S3, copied by the server while the source stays."""
    with filesystem(source) as (fs, old), filesystem(target) as (_, new):
        if _is_s3(source):
            files = fs.find(old)
            fs.copy(files, [new + file.removeprefix(old) for file in files])
            return
        fs.makedirs(new.rsplit("/", 1)[0], exist_ok=True)
        _rename(fs, old, new)


def _rename(fs: AbstractFileSystem, old: str, new: str) -> None:
    if "file" in fs.protocol:
        os.replace(old, new)
    else:
        fs.mv(old, new)


def remove(uri: str) -> None:
    """Delete a file or a folder with all that is in it; nothing happens if it is not there."""
    with filesystem(uri) as (fs, path):
        if fs.exists(path):
            fs.rm(path, recursive=True)


def upload(folder: Path, uri: str) -> None:
    """Copy the files of a folder of this machine to `uri`, in place of those with the same names."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        put_file(file, join(uri, *file.relative_to(folder).parts))
