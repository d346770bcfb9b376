"""Channels in all their forms give the same kind of table."""

import json
from pathlib import Path

import pytest

from pipelines.errors import DataError
from pipelines.platform.channels import Channel
from pipelines.platform.photos import key_of, list_photos
from tests.photos import write_photos


def prefix(uri: Path) -> Channel:
    return Channel(f"file://{uri}", "S3Prefix", ())


def found(channels: dict[str, Channel], folder: Path) -> set[tuple[str, str | None, str | None]]:
    return {(p.path.removeprefix(f"file://{folder}/"), p.label, p.split) for p in list_photos(channels)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_photos(tmp_path / "train", 1, classes=("cat", "dog"))
    write_photos(tmp_path / "val", 1, classes=("dog",), first=5)
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no photo")
    return tmp_path


def test_folders_are_labels_and_channels_are_splits(folder: Path) -> None:
    channels = {"train": prefix(folder / "train"), "validation": prefix(folder / "val")}
    assert found(channels, folder) == {
        ("train/cat/000.jpg", "cat", "train"),
        ("train/dog/000.jpg", "dog", "train"),
        ("val/dog/005.jpg", "dog", "val"),
    }


def test_without_a_channel_validation_the_split_is_left_open(folder: Path) -> None:
    assert {split for _, _, split in found({"train": prefix(folder / "train")}, folder)} == {None}


def test_lst_files_name_photos_below_their_channel(folder: Path) -> None:
    (folder / "lists").mkdir()
    (folder / "lists" / "train.lst").write_text(
        "0\t1.000000\tdog/000.jpg\n1\t0\tcat/000.jpg\n\n2\t0\tcat/missing.jpg\n"
    )
    channels = {"train": prefix(folder / "train"), "train_lst": prefix(folder / "lists")}
    assert found(channels, folder) == {
        ("train/dog/000.jpg", "1", None),
        ("train/cat/000.jpg", "0", None),
        ("train/cat/missing.jpg", "0", None),
    }


def test_a_damaged_lst_line_is_named(folder: Path) -> None:
    (folder / "train" / "x.lst").write_text("0\t1\n")
    with pytest.raises(DataError, match="line 1 of file://.*x.lst is not index, tab, label, tab, path"):
        list_photos({"train": prefix(folder / "train" / "x.lst")})


def test_an_augmented_manifest_names_photos_and_labels(folder: Path) -> None:
    rows = [
        {"source-ref": f"file://{folder}/train/{name}/000.jpg", "class": i} for i, name in enumerate(("cat", "dog"))
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    channel = Channel(f"file://{folder}/rows.jsonl", "AugmentedManifestFile", ("source-ref", "class"))
    assert found({"train": channel}, folder) == {("train/cat/000.jpg", "0", None), ("train/dog/000.jpg", "1", None)}


def test_several_labels_of_one_photo_are_refused(folder: Path) -> None:
    (folder / "rows.jsonl").write_text(json.dumps({"source-ref": "file:///x.jpg", "class": [0, 1]}))
    channel = Channel(f"file://{folder}/rows.jsonl", "AugmentedManifestFile", ("source-ref", "class"))
    with pytest.raises(DataError, match="is more than one label"):
        list_photos({"train": channel})


def test_an_empty_channel_is_named(folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="channel train has no photos in file://"):
        list_photos({"train": prefix(folder / "empty")})


def test_a_photo_that_changes_makes_another_dataset(folder: Path) -> None:
    channels = {"train": prefix(folder / "train")}
    before = key_of(list_photos(channels), 32)
    assert before == key_of(list_photos(channels), 32) != key_of(list_photos(channels), 64)
    (folder / "train" / "cat" / "000.jpg").write_bytes(b"another")
    assert key_of(list_photos(channels), 32) != before
