"""The examples of the documentation, trained on two processes and scored, each part from a user's file."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ConfigError, DataError
from pipelines.model.bundle import load_bundle
from tests.command import HOME, darkroom, finish, start
from tests.photos import write_photos

EXAMPLES = HOME / "docs" / "examples"
OWN = {"loss": "FocalLoss", "optimizer": "SignMomentum", "augmentation": "cutout", "metric": "worst_recall"}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("own")
    write_photos(work / "photos", 30)
    darkroom("ingest", f"source={work}/photos", f"target={work}/dataset", "val_percent=20")
    return work


@pytest.fixture(scope="module")
def trained(work: Path) -> dict[str, Any]:
    """MyCNN, from a copy of the examples that is gone when the training has ended."""
    for name in ("my_cnn.py", "my_parts.py"):
        (work / name).write_bytes((EXAMPLES / name).read_bytes())
    words = [f"model={work}/my_cnn.py:MyCNN", "model_args.width=8", "model_args.dropout=0", "model_args.num_classes=3"]
    words += [f"{part}={work}/my_parts.py:{name}" for part, name in OWN.items()]
    words += ["loss_args.gamma=1", "augmentation_args.share=0.2", "scale_learning_rate=false"]
    done = darkroom("train", f"dataset={work}/dataset", f"target={work}/model", "image_size=32", "epochs=4", *words)
    (work / "my_cnn.py").unlink(), (work / "my_parts.py").unlink()
    return done


def test_my_cnn_learns(work: Path, trained: dict[str, Any]) -> None:
    history = json.loads((work / "model-run" / "metrics.json").read_text())
    assert trained["loss"] == history[-1]["loss"]
    assert history[-1]["loss"] < history[0]["loss"]
    assert all(0 <= report["val_worst_recall"] <= report["val_accuracy"] for report in history)


def test_the_bundle_carries_the_code_with_its_hashes(work: Path, trained: dict[str, Any]) -> None:
    info = load_bundle(trained["model"], trust_code=True).info
    assert (info.architecture, info.code["model"].entry) == ("my_cnn.py:MyCNN",) * 2
    assert (work / "model/code/model/my_cnn.py").read_bytes() == (EXAMPLES / "my_cnn.py").read_bytes()
    assert set(info.code) == {"model", *OWN}
    assert info.training["loss"] == "my_parts.py:FocalLoss"


def test_foreign_code_is_run_only_if_it_is_trusted(work: Path, trained: dict[str, Any]) -> None:
    words = (f"source={work}/photos", f"model={trained['archive']}", f"target={work}/scored")
    _, stderr = finish(start("score", *words), exit_code=2)
    assert "runs code of its own, my_cnn.py:MyCNN (code/model/my_cnn.py)" in stderr and "trust_code=true" in stderr
    assert darkroom("score", *words, "trust_code=true", "engine=torch")["predicted"] == 90
    with pytest.raises(ConfigError, match="trust_code=true"):
        load_bundle(trained["model"])


def test_changed_code_in_a_bundle_is_not_run(work: Path, trained: dict[str, Any]) -> None:
    file = work / "model" / "code" / "model" / "my_cnn.py"
    text = file.read_text()
    file.write_text(text + "raise SystemExit")
    with pytest.raises(DataError, match="code/model/my_cnn.py of the bundle is not the file"):
        load_bundle(trained["model"], trust_code=True).network()
    file.write_text(text)
