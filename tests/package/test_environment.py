"""What goes into the archive of the environment."""

import subprocess
import tarfile
from pathlib import Path

import pytest

from pipelines.errors import ConfigError
from pipelines.package.environment import distributions, files
from pipelines.package.run import write_environment
from tests.command import finish, start

SMALL = ("pyspark", "torch", "torchvision", "timm", "openvino", "petastorm", "tensorboard", "matplotlib")


def names(*skip: str) -> set[str]:
    return {package.name.lower() for package in distributions("darkroom", (), skip)}


def test_what_darkroom_needs_is_packed_and_tools_are_not() -> None:
    assert {"darkroom", "torch", "horovod", "petastorm", "pyspark"} <= names()
    assert not {"ruff", "pytest", "mkdocs", "cmake"} & names()


def test_a_skipped_package_takes_along_what_only_it_needs() -> None:
    assert {"pyspark", "py4j"} <= names()
    assert not {"pyspark", "py4j"} & names("pyspark", "petastorm")


def test_an_extra_that_is_not_installed_is_named() -> None:
    with pytest.raises(ConfigError, match="nosuchpackage is not installed here"):
        distributions("nosuchpackage", (), ())


def test_the_archive_is_the_same_each_time_and_runs_elsewhere(tmp_path: Path) -> None:
    packed = files((), SMALL)
    for name in ("one", "two"):
        write_environment(tmp_path / name, packed)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with tarfile.open(tmp_path / "one") as tar:
        tar.extractall(tmp_path / "moved", filter="tar")
    said = subprocess.run(
        [tmp_path / "moved" / "bin" / "python", "-c", "import pipelines.config, pyarrow; print(pipelines.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env={},
    )
    assert said.stdout.startswith(str(tmp_path / "moved"))


def test_no_file_names_the_place_where_it_was_made() -> None:
    packed = files((), SMALL)
    assert not [place for place in packed if place.endswith("direct_url.json")]
    assert not [place for place in packed if place.endswith(".pth") and "darkroom" in place]


def test_options_of_spark_submit_are_refused() -> None:
    _, stderr = finish(start("package", "target=/tmp/nowhere", "--master", "yarn"), exit_code=2)
    assert "--master yarn: this verb starts no Spark" in stderr
