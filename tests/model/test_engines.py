"""Engines give the same answers, or are not chosen."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pipelines.model.bundle import load_bundle
from pipelines.model.engines import EngineChoice, choose_engine, open_engine
from tests.bundles import write_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "model"
    write_bundle(folder)
    return folder


@pytest.mark.parametrize("num_images", [1, 5, 8])
def test_openvino_agrees_with_torch_whatever_the_batch(bundle: Path, num_images: int) -> None:
    loaded = load_bundle(str(bundle))
    images = loaded.check_batch()[0][:num_images]
    torch_says, openvino_says = (open_engine(loaded, name, 1).predict(images) for name in ("torch", "openvino"))
    assert np.abs(torch_says - openvino_says).max() < 1e-4


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_its_threads_may_use_every_core_while_they_work(bundle: Path, name: str) -> None:
    """Two tasks on two cores would else share one of them."""
    loaded = load_bundle(str(bundle))
    engine, images = open_engine(loaded, name, 1), loaded.check_batch()[0].repeat(200, 1, 1, 1)
    seen = set()
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(engine.predict, images)
        while not work.done():
            seen |= {frozenset(os.sched_getaffinity(int(task.name))) for task in Path("/proc/self/task").iterdir()}
    assert seen == {frozenset(os.sched_getaffinity(0))}


def test_auto_reports_what_it_measured(bundle: Path) -> None:
    choice = choose_engine(load_bundle(str(bundle)), "auto", 1)
    assert choice.name in ("torch", "openvino") and choice.precision in ("float32", "bfloat16")
    assert choice.images_per_second > 0 and choice.agrees


def test_bfloat16_keeps_the_most_likely_class(bundle: Path) -> None:
    """On a CPU without instructions for it OpenVINO computes in float32."""
    loaded = load_bundle(str(bundle))
    images, expected = loaded.check_batch()
    answers = open_engine(loaded, "openvino", 1, "bfloat16").predict(images)
    assert np.abs(answers - expected.numpy()).max() < 0.02


@pytest.mark.parametrize(("agreement", "agrees"), [(0.99, False), (0.995, True), (1.0, True)])
def test_bfloat16_may_differ_in_one_of_200_classes(agreement: float, agrees: bool) -> None:
    assert EngineChoice("openvino", "bfloat16", 100.0, 0.01, agreement).agrees is agrees


def test_float32_may_not_differ_in_a_probability() -> None:
    assert not EngineChoice("openvino", "float32", 100.0, 2e-4, 1.0).agrees


def test_auto_does_not_take_a_graph_that_disagrees(bundle: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "other", seed=1)
    shutil.copytree(bundle, tmp_path / "mixed")
    shutil.copytree(tmp_path / "other" / "graph", tmp_path / "mixed" / "graph", dirs_exist_ok=True)
    assert choose_engine(load_bundle(str(tmp_path / "mixed")), "openvino", 1).max_difference > 1e-3
    assert choose_engine(load_bundle(str(tmp_path / "mixed")), "auto", 1).name == "torch"
