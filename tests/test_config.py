"""A run's settings are checked before anything starts."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import Field

from pipelines.config import JobConfig, Uri, load
from pipelines.errors import ConfigError
from pipelines.train.config import TrainConfig


class Settings(JobConfig):
    source: Uri = Field(description="where from")
    epochs: int = Field(3, ge=1, description="how often")
    name: str = Field("x", description="what")


def test_words_win_over_the_file(tmp_path: Path) -> None:
    conf = tmp_path / "run.yaml"
    conf.write_text("source: /photos\nepochs: 5\n")
    assert load(Settings, [str(conf), "epochs=7"]).epochs == 7


def test_an_unknown_key_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(ConfigError, match="epoch: unknown key; did you mean epochs?"):
        load(Settings, ["source=/photos", "epoch=1"])


def test_a_missing_key_is_named_with_its_meaning() -> None:
    with pytest.raises(ConfigError, match="source: required.*where from"):
        load(Settings, [])


def test_a_wrong_type_is_named_with_its_value() -> None:
    with pytest.raises(ConfigError, match="epochs='many'"):
        load(Settings, ["source=/photos", "epochs=many"])


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ConfigError, match="ftp://"):
        load(Settings, ["source=ftp://photos"])


def test_a_path_becomes_an_absolute_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(Settings, ["source=photos/"]).source == f"file://{tmp_path}/photos"


def test_a_number_may_be_a_name() -> None:
    assert load(Settings, ["source=/photos", "name=2024"]).name == "2024"


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(Settings, ["source=/photos"]).epochs = 9


def test_errors_survive_the_way_from_an_executor() -> None:
    error = pickle.loads(pickle.dumps(ConfigError("what, value, remedy")))
    assert (str(error), error.exit_code) == ("what, value, remedy", 2)


@pytest.mark.parametrize("verb", ["ingest", "train", "evaluate", "score"])
def test_help_lists_every_key(verb: str) -> None:
    shown = _darkroom(verb, "--help")
    assert shown.returncode == 0
    assert "target=…  (required)" in shown.stdout
    assert "  seed=0\n" in _darkroom("ingest", "--help").stdout


def test_help_shows_the_choices_of_a_key() -> None:
    assert "sgd | adam | adamw" in _darkroom("train", "--help").stdout


def test_relative_places_of_a_training_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(TrainConfig, ["dataset=d", "target=m", "run_dir=run", "weights=w.pth"])
    assert (config.run_dir, config.weights) == (f"file://{tmp_path}/run", f"file://{tmp_path}/w.pth")
    assert load(TrainConfig, ["dataset=d", "target=m", "weights=imagenet"]).weights == "imagenet"


@pytest.mark.parametrize("verb", ["ingest", "train", "evaluate", "score", "doctor"])
def test_a_wrong_key_ends_with_exit_code_2_before_spark(verb: str) -> None:
    refused = _darkroom(verb, "sorce=/photos")
    assert refused.returncode == 2
    assert "sorce: unknown key" in refused.stderr
    assert refused.stdout == ""


def _darkroom(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)
