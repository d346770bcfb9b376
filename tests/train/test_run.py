"""Training runs of two processes, and what happens when processes are killed."""

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.command import darkroom, finish, start
from tests.photos import write_photos

SETTINGS = ("model=tests.train.networks:Witness", "image_size=16", "batch_size=8", "augmentation=none", "epochs=2")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """101 photos, all of them in the train split."""
    folder = tmp_path_factory.mktemp("dataset")
    write_photos(folder / "photos", 34)
    (folder / "photos" / "red" / "000.jpg").unlink()
    made = darkroom("ingest", f"source={folder}/photos", f"target={folder}/dataset", "val_percent=0", "test_percent=0")
    assert made["rows"]["train"] == 101
    return folder / "dataset"


@pytest.fixture
def witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WITNESS_FILE", str(tmp_path / "witness"))
    return tmp_path / "witness"


def history(run_dir: Path) -> list[dict[str, Any]]:
    reports: list[dict[str, Any]] = json.loads((run_dir / "metrics.json").read_text())
    return reports


def test_101_rows_on_two_processes_are_each_trained_on_once_an_epoch(
    dataset: Path, tmp_path: Path, witness: Path
) -> None:
    darkroom("train", f"dataset={dataset}", f"target={tmp_path}/model", *SETTINGS)
    lines = [line.split() for line in witness.read_text().splitlines()]
    seen = Counter(image for _, *images in lines for image in images)
    assert len(seen) == 101 and set(seen.values()) == {2}
    assert len({process for process, *_ in lines}) == 2
    assert [report["rows"] for report in history(tmp_path / "model-run")] == [101, 101]


@pytest.mark.usefixtures("witness")
def test_two_batches_a_step_sent_in_16_bits_teach_what_one_large_batch_does(dataset: Path, tmp_path: Path) -> None:
    darkroom("train", f"dataset={dataset}", f"target={tmp_path}/one", *SETTINGS)
    settings = ("batch_size=4", "backward_passes_per_step=2", "gradient_compression=fp16", "tensor_fusion_mib=1")
    darkroom("train", f"dataset={dataset}", f"target={tmp_path}/two", *SETTINGS, *settings)
    one, two = ([report["loss"] for report in history(tmp_path / f"{name}-run")] for name in ("one", "two"))
    assert two == pytest.approx(one, rel=0.01) and two != one


def wait_for(condition: Any, what: str) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"no {what} in two minutes"
        time.sleep(0.1)


@pytest.mark.fault(
    "a training process",
    during="train with `--master local[*]`",
    then="the run goes on from its checkpoint; every epoch has seen every row once",
)
def test_a_killed_process_costs_a_checkpoint_and_no_row(
    dataset: Path, tmp_path: Path, witness: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WITNESS_SECONDS", "1.0")
    job = start("train", f"dataset={dataset}", f"target={tmp_path}/model", *SETTINGS, "checkpoint_seconds=0.5")
    wait_for((tmp_path / "model-run" / "checkpoint.pt").exists, "checkpoint")
    os.kill(int(witness.read_text().split()[0]), signal.SIGKILL)
    stdout, stderr = finish(job)
    assert "processes were lost, 2 restarts left" in stderr
    reports = history(tmp_path / "model-run")
    assert [report["rows"] for report in reports] == [101, 101]
    assert reports[0]["rows_since_resume"] < 101
    assert json.loads(stdout.splitlines()[-1])["epochs"] == 2


@pytest.mark.fault(
    "the driver and all its processes",
    during="train with `--master local[*]`",
    then="the same command again goes on from the checkpoint; every epoch has seen every row once",
)
def test_a_killed_driver_leaves_a_run_that_goes_on(
    dataset: Path, tmp_path: Path, witness: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (f"dataset={dataset}", f"target={tmp_path}/model", *SETTINGS, "checkpoint_seconds=0.5")
    monkeypatch.setenv("WITNESS_SECONDS", "1.0")
    job = start("train", *words)
    wait_for((tmp_path / "model-run" / "checkpoint.pt").exists, "checkpoint")
    os.killpg(job.pid, signal.SIGKILL)
    job.communicate()
    orphans = {int(line.split()[0]) for line in witness.read_text().splitlines()}
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans), "end of the run's processes")
    monkeypatch.setenv("WITNESS_SECONDS", "0")
    darkroom("train", *words)
    reports = history(tmp_path / "model-run")
    assert [report["rows"] for report in reports] == [101, 101]
    assert reports[0]["rows_since_resume"] < 101


def test_an_error_of_the_network_is_not_tried_again(dataset: Path, tmp_path: Path) -> None:
    words = (f"dataset={dataset}", f"target={tmp_path}/model", *SETTINGS, "model=tests.train.networks:Failing")
    _, stderr = finish(start("train", *words), exit_code=1)
    assert "RuntimeError: this network does not work" in stderr
    assert "restarts left" not in stderr
    assert not (tmp_path / "model").exists()


@pytest.mark.usefixtures("witness")
def test_a_run_stops_at_its_time_and_goes_on_with_more(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WITNESS_SECONDS", "0.5")
    words = (f"dataset={dataset}", f"target={tmp_path}/model", *SETTINGS)
    stopped = darkroom("train", *words, "max_runtime_seconds=2")
    assert (stopped["stopped"], stopped["epochs"]) == ("max_runtime_seconds", 0)
    assert (tmp_path / "model" / "model.json").exists()
    monkeypatch.setenv("WITNESS_SECONDS", "0")
    whole = darkroom("train", *words)
    assert (whole["stopped"], whole["epochs"], whole["rows"]) == ("", 2, 101)


@pytest.mark.usefixtures("witness")
def test_other_settings_in_the_same_run_dir_are_refused(dataset: Path, tmp_path: Path) -> None:
    words = (f"dataset={dataset}", f"target={tmp_path}/model", *SETTINGS, "epochs=1")
    darkroom("train", *words)
    _, stderr = finish(start("train", *words, "learning_rate=0.5"), exit_code=2)
    assert "learning_rate=0.5 (was 0.001)" in stderr


@pytest.mark.usefixtures("witness")
def test_a_file_named_stop_ends_a_run_with_a_model_and_without_it_the_run_goes_on(
    dataset: Path, tmp_path: Path
) -> None:
    words = (f"dataset={dataset}", f"target={tmp_path}/model", *SETTINGS, "epochs=1")
    (tmp_path / "model-run").mkdir()
    (tmp_path / "model-run" / "stop").touch()
    stopped = darkroom("train", *words)
    assert (stopped["stopped"], stopped["epochs"]) == ("stop", 0)
    (tmp_path / "model-run" / "stop").unlink()
    whole = darkroom("train", *words)
    assert (whole["stopped"], whole["epochs"], whole["rows"]) == ("", 1, 101)
