"""The same calls do the same on every storage."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.errors import ConfigError, StorageError


@pytest.fixture(params=["file", "hdfs", "s3a"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty folder on each storage."""
    if request.param == "file":
        return f"file://{tmp_path}/folder"
    root = request.getfixturevalue({"hdfs": "hdfs", "s3a": "s3"}[request.param])
    return f"{root}/storage-{tmp_path.name}"


def test_what_was_written_is_read(folder: str) -> None:
    storage.write_bytes(f"{folder}/a/b.bin", bytes(range(256)) * 40_000)
    assert storage.read_bytes(f"{folder}/a/b.bin") == bytes(range(256)) * 40_000


def test_a_second_write_replaces_the_first(folder: str) -> None:
    storage.write_bytes(f"{folder}/a", b"one")
    storage.write_bytes(f"{folder}/a", b"2")
    assert storage.read_bytes(f"{folder}/a") == b"2"
    assert storage.names(folder) == ["a"]


def test_a_folder_lists_its_files_and_folders_by_name(folder: str) -> None:
    for name in ("b.jpg", "a/deep/er.jpg"):
        storage.write_bytes(f"{folder}/{name}", b"123")
    one, two = storage.entries(folder)
    assert (one.uri, one.is_dir) == (f"{folder}/a", True)
    assert (two.uri, two.is_dir, two.size_bytes) == (f"{folder}/b.jpg", False, 3)
    assert two.modified_at > 1e9


def test_a_file_looks_the_same_alone_and_in_its_folder(folder: str) -> None:
    storage.write_bytes(f"{folder}/b.jpg", b"123")
    assert storage.entries(folder) == [storage.stat(f"{folder}/b.jpg")]


def test_a_folder_of_more_entries_than_a_page_is_listed_whole(folder: str) -> None:
    num_files = 250 if folder.startswith("hdfs") else 1100  # pages of 100 in the cluster's conf, of 1000 on S3
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: storage.write_bytes(f"{folder}/{n}", b"1"), range(num_files)))
    assert sorted(entry.uri for entry in storage.scan(folder)) == sorted(f"{folder}/{n}" for n in range(num_files))


def test_what_is_not_there_is_not_there(folder: str) -> None:
    assert not storage.exists(f"{folder}/no") and not storage.is_dir(f"{folder}/no")
    assert storage.names(f"{folder}/no") == [] and storage.stat(f"{folder}/no") is None
    storage.remove(f"{folder}/no")
    with pytest.raises(FileNotFoundError):
        storage.read_bytes(f"{folder}/no")


def test_a_folder_is_renamed_with_all_that_is_in_it(folder: str) -> None:
    storage.write_bytes(f"{folder}/old/x/1", b"1")
    storage.write_bytes(f"{folder}/old/2", b"2")
    storage.replace(f"{folder}/old", f"{folder}/new/place")
    assert storage.read_bytes(f"{folder}/new/place/x/1") == b"1"
    assert storage.read_bytes(f"{folder}/new/place/2") == b"2"
    assert not storage.exists(f"{folder}/old")


def test_a_folder_is_removed_with_all_that_is_in_it(folder: str) -> None:
    storage.write_bytes(f"{folder}/old/x/1", b"1")
    storage.remove(f"{folder}/old")
    assert not storage.exists(f"{folder}/old")


def test_names_with_blanks_and_signs_are_kept(folder: str) -> None:
    storage.write_bytes(f"{folder}/größe 50%+x=1&y#z.jpg", b"1")
    assert storage.names(folder) == ["größe 50%+x=1&y#z.jpg"]
    assert storage.read_bytes(f"{folder}/größe 50%+x=1&y#z.jpg") == b"1"


@pytest.mark.parametrize(("given", "used"), [("s3://b/p/", "s3a://b/p"), ("hdfs:///p", "hdfs:///p")])
def test_uris_become_spark_s(given: str, used: str) -> None:
    assert storage.absolute(given) == used


@pytest.mark.parametrize("wrong", ["s3a://", "hdfs://host", "file://photos", "gs://b/p"])
def test_an_incomplete_uri_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="as in|unknown scheme"):
        storage.absolute(wrong)


def test_hdfs_without_an_address_names_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADOOP_CONF_DIR", "/no/such/folder")
    with pytest.raises(ConfigError, match=r"HADOOP_CONF_DIR .* dfs.namenode.http-address"):
        storage.exists("hdfs://elsewhere:8020/photos")


def test_a_wrong_s3_address_is_named_with_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    fsspec.filesystem("s3").clear_instance_cache()
    for key, value in {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "r"}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"AWS_ENDPOINT_URL \(http://127.0.0.1:9\)"):
        storage.exists("s3a://bucket/photos")
    fsspec.filesystem("s3").clear_instance_cache()


def test_only_the_first_of_two_creates_a_document(folder: str) -> None:
    assert storage.create(f"{folder}/lock", {"run": 1})
    assert not storage.create(f"{folder}/lock", {"run": 2})
    assert storage.read_json(f"{folder}/lock") == {"run": 1}
