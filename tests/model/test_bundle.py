"""A bundle is plain files that fit together, as a folder or as one archive."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import ConfigError, DataError
from pipelines.model.archive import pack, unpack
from pipelines.model.bundle import load_bundle
from tests.bundles import write_bundle
from tests.photos import write_photos


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "model"
    write_bundle(folder)
    return folder


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return (write_photos(tmp_path_factory.mktemp("photos"), 1) / "red" / "000.jpg").read_bytes()


def test_the_archive_answers_as_the_folder(bundle: Path, photo: bytes) -> None:
    folder, archive = load_bundle(str(bundle)), load_bundle(f"{bundle}.tar.gz")
    assert folder.info == archive.info
    assert np.array_equal(folder.classify(photo), archive.classify(photo))


def test_probabilities_add_up_to_one(bundle: Path, photo: bytes) -> None:
    assert load_bundle(str(bundle)).classify(photo).sum() == pytest.approx(1.0, abs=1e-5)


def test_equal_models_give_equal_archives(bundle: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "model")
    one, two = (load_bundle(str(path)).info.model_id for path in (bundle, tmp_path / "model"))
    assert one == two
    assert pack({"a": b"1", "b": b"2"}) == pack({"b": b"2", "a": b"1"})


def test_other_weights_than_described_are_refused(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "copy")
    weights = tmp_path / "copy" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(DataError, match=r"weights.safetensors .* copy the bundle again"):
        load_bundle(str(tmp_path / "copy"))


def test_a_damaged_description_is_named(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "copy")
    (tmp_path / "copy" / "model.json").write_text('{"architecture": "resnet18"}')
    with pytest.raises(DataError, match=r"model.json .* is damaged"):
        load_bundle(str(tmp_path / "copy"))


def test_a_folder_without_a_bundle_is_a_wrong_conf(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no model bundle"):
        load_bundle(str(tmp_path))


def test_a_cut_archive_is_refused(bundle: Path, tmp_path: Path) -> None:
    content = Path(f"{bundle}.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="copy it again"):
        load_bundle(str(tmp_path / "cut.tar.gz"))


def test_an_archive_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.model.archive.MAX_BYTES", 10)
    with pytest.raises(DataError, match="more than 10 bytes"):
        unpack(pack({"a": b"12345678901"}), "bomb.tar.gz")


def test_links_in_an_archive_are_not_followed() -> None:
    import gzip
    import io
    import tarfile

    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        link = tarfile.TarInfo("model.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert unpack(gzip.compress(file.getvalue()), "links.tar.gz") == {}
