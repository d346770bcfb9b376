"""The photos of a training job's channels with their labels, as one table that `ingest` reads."""

import hashlib
import io
import json
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.errors import ConfigError, DataError
from pipelines.images.policy import has_extension
from pipelines.platform.channels import SPLITS, Channel


class Photo(NamedTuple):
    """One file with its label, and what makes another file at the same place a new one."""

    path: str
    label: str | None
    split: str | None
    size_bytes: int
    modified_at: float


def list_photos(channels: dict[str, Channel]) -> list[Photo]:
    """Return all photos of train and validation; without a channel validation the split is left to ingest.

    Raises:
        DataError: a channel has no photos, or a list that cannot be read.
    """
    photos: list[Photo] = []
    for name, split in SPLITS.items():
        if name in channels:
            found = list(_photos(name, channels, split if "validation" in channels else None))
            if not found:
                raise DataError(f"channel {name} has no photos in {channels[name].uri}")
            photos += found
    return photos


def _photos(name: str, channels: dict[str, Channel], split: str | None) -> Iterator[Photo]:
    channel, files = channels[name], channels.get(f"{name}_lst")
    if channel.kind == "AugmentedManifestFile":
        yield from _of_manifest(channel, split)
    elif files or channel.uri.endswith(".lst"):
        lst = _lst_uri(files.uri) if files else channel.uri
        yield from _of_lst(lst, channel.uri if files else channel.uri.rpartition("/")[0], split)
    else:
        if not storage.is_dir(channel.uri):
            raise DataError(f"channel {name}: there is no folder {channel.uri}")
        yield from _of_folder(channel.uri, split)


def _of_folder(folder: str, split: str | None) -> Iterator[Photo]:
    """Label every photo with the folder right below the channel that holds it."""
    for entry in storage.scan(folder):
        if entry.is_dir:
            yield from _below(entry.uri, entry.uri.rpartition("/")[2], split)
        elif has_extension(entry.uri):
            yield Photo(entry.uri, None, split, entry.size_bytes, entry.modified_at)


def _below(folder: str, label: str, split: str | None) -> Iterator[Photo]:
    for entry in storage.scan(folder):
        if entry.is_dir:
            yield from _below(entry.uri, label, split)
        elif has_extension(entry.uri):
            yield Photo(entry.uri, label, split, entry.size_bytes, entry.modified_at)


def _of_lst(lst: str, folder: str, split: str | None) -> Iterator[Photo]:
    """Read `index <tab> label <tab> path`, paths relative to the channel's folder."""
    for number, line in enumerate(_text(lst).splitlines(), 1):
        fields = line.split("\t")
        if not line.strip():
            continue
        try:
            label = str(int(float(fields[1])))
            path = fields[2].strip()
        except (IndexError, ValueError) as error:
            raise DataError(f"line {number} of {lst} is not index, tab, label, tab, path: {line!r}") from error
        yield _photo(storage.join(folder, path.lstrip("/")), label, split)


def _of_manifest(channel: Channel, split: str | None) -> Iterator[Photo]:
    """Read one JSON object a line: the photo's URI and its label."""
    source, attribute = channel.attributes
    for number, line in enumerate(_text(channel.uri).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            label, uri = row[attribute], storage.absolute(row[source])
        except (ValueError, TypeError, KeyError, ConfigError) as error:
            raise DataError(f"line {number} of {channel.uri} lacks {source} or {attribute}: {line[:200]!r}") from error
        if isinstance(label, list | dict):
            raise DataError(f"line {number} of {channel.uri}: {attribute}={label} is more than one label")
        yield _photo(uri, str(label), split)


def _photo(uri: str, label: str, split: str | None) -> Photo:
    """Look a file up; one that is not there becomes a reject of ingest."""
    entry = storage.stat(uri)
    return Photo(uri, label, split, entry.size_bytes if entry else -1, entry.modified_at if entry else 0.0)


def _lst_uri(uri: str) -> str:
    if not storage.is_dir(uri):
        return uri
    found = [name for name in storage.names(uri) if name.endswith(".lst")]
    if len(found) != 1:
        raise DataError(f"{uri} must hold one .lst file, and has {len(found)}")
    return storage.join(uri, found[0])


def _text(uri: str) -> str:
    try:
        return storage.read_bytes(uri).decode()
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        raise DataError(f"{uri} cannot be read as text: {error}") from error


def write_table(photos: list[Photo], uri: str) -> None:
    """Write the table that `ingest` takes as its source."""
    schema = pa.schema([("path", pa.string()), ("label", pa.string()), ("split", pa.string())])
    rows = [{"path": photo.path, "label": photo.label, "split": photo.split} for photo in photos]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
    storage.write_bytes(uri, file.getvalue())


def key_of(photos: list[Photo], short_side_px: int) -> str:
    """Name the dataset that these photos give: the same files, labels and size give the same name."""
    digest = hashlib.blake2b(f"{short_side_px}".encode(), digest_size=16)
    for photo in sorted(photos, key=lambda photo: photo.path):
        digest.update(repr(tuple(photo)).encode())
    return digest.hexdigest()
