"""The four jobs on HDFS under YARN, with the driver on the cluster."""

import pytest

from pipelines import storage
from pipelines.model.bundle import load_bundle
from tests.cluster.tables import rows, upload_photos_and_a_text
from tests.command import darkroom, finish, start

CLUSTER = ("--master", "yarn", "--deploy-mode", "cluster")


@pytest.fixture(scope="module")
def work(hdfs: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    upload_photos_and_a_text(tmp_path_factory.mktemp("photos"), f"{hdfs}/flow/photos")
    return f"{hdfs}/flow"


def test_the_four_jobs_run_one_after_the_other(work: str) -> None:
    made = darkroom(
        "ingest",
        f"source={work}/photos",
        f"target={work}/dataset",
        "max_reject_ratio=0.1",
        *CLUSTER,
        "--queue",
        "batch",
    )
    assert [made[key] for key in ("read", "accepted", "rejected")] == [121, 120, 1]
    trained = darkroom(
        "train",
        *(f"dataset={work}/dataset", f"target={work}/model", "image_size=32", "epochs=1", "model=squeezenet1_1"),
        *(*CLUSTER, "--queue", "training"),
    )
    assert trained["rows"] == made["rows"]["train"]
    measured = darkroom(
        "evaluate",
        f"dataset={work}/dataset",
        f"model={work}/model",
        f"target={work}/report",
        *CLUSTER,
        "--queue",
        "batch",
    )
    assert measured["num_images"] == made["rows"]["test"]
    scored = darkroom(
        "score", f"source={work}/photos", f"model={work}/model", f"target={work}/scored", *CLUSTER, "--queue", "batch"
    )
    assert [scored[key] for key in ("inputs", "predicted", "rejected")] == [121, 120, 1]
    assert {row["model_id"] for row in rows(f"{work}/scored/predictions")} == {trained["model_id"]}
    assert load_bundle(f"{work}/model.tar.gz").info.model_id == trained["model_id"]


def test_wrong_data_end_with_exit_code_3_and_their_message(work: str) -> None:
    words = (f"source={work}/photos", f"target={work}/refused", "max_reject_ratio=0")
    _, stderr = finish(start("ingest", *words, *CLUSTER, "--queue", "batch"), exit_code=3)
    assert "1 of 121 files were rejected" in stderr
    assert not storage.exists(f"{work}/refused")
    assert not [name for name in storage.names(work) if name.startswith(".darkroom")]


def test_an_unknown_queue_is_refused_with_yarn_s_message(work: str) -> None:
    words = (f"source={work}/photos", f"target={work}/nowhere")
    _, stderr = finish(start("ingest", *words, *CLUSTER, "--queue", "nosuchqueue"), exit_code=1)
    assert "nosuchqueue" in stderr
