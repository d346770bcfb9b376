"""Classic learners on features: fitted by Spark, saved as bundles that score like any other."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import requests
import torch
from pyspark.sql import SparkSession

from pipelines.config import load
from pipelines.errors import ConfigError, DataError
from pipelines.evaluate.config import EvaluateConfig
from pipelines.evaluate.run import evaluate
from pipelines.features.config import FeaturesConfig
from pipelines.features.run import features
from pipelines.fit.config import FitConfig
from pipelines.fit.run import check, fit
from pipelines.ingest.config import IngestConfig
from pipelines.ingest.run import ingest
from pipelines.model.bundle import load_bundle
from pipelines.model.engines import open_engine
from tests.bundles import write_bundle
from tests.photos import write_photos
from tests.serve.server import Server, serving


@pytest.fixture(scope="module")
def work(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features of 90 photos in three colours, by a SqueezeNet with random weights."""
    work = tmp_path_factory.mktemp("fit")
    write_bundle(work / "model")
    write_photos(work / "photos", 30)
    ingest(spark, load(IngestConfig, [f"source={work}/photos", f"target={work}/dataset", "test_percent=25"]))
    words = [f"source={work}/dataset", f"model={work}/model", f"target={work}/features", "layer=features.3"]
    features(spark, load(FeaturesConfig, words))
    return work


def run(spark: SparkSession, work: Path, *words: str) -> dict[str, Any]:
    config = load(FitConfig, [f"dataset={work}/features", f"target={work}/fitted", *words])
    check(config)
    return fit(spark, config)


@pytest.mark.parametrize(
    "words",
    [
        ("learner=logistic_regression",),
        ("learner=random_forest", "max_depth=3"),
        ("learner=gradient_boosted_trees", "num_trees=3", "max_depth=2"),
        ("learner=linear_svm", "select=var10"),
        ("learner=logistic_regression", "library=sklearn", "select=[chi2,pca]", "num_features=20", "components=4"),
    ],
)
def test_learners_tell_colours_apart_and_are_exported_as_they_are(
    spark: SparkSession, work: Path, words: tuple[str, ...]
) -> None:
    fitted = run(spark, work, *words)
    assert fitted["agreement"] == 1.0
    assert fitted["test_accuracy"] > 0.8
    bundle = load_bundle(fitted["model"])
    images, expected = bundle.check_batch()
    assert np.abs(open_engine(bundle, "openvino", 1).predict(images) - expected.numpy()).max() < 1e-4


def test_a_fitted_bundle_is_measured_like_any_other(spark: SparkSession, work: Path) -> None:
    fitted = run(spark, work)
    words = [f"dataset={work}/dataset", f"model={work}/fitted", f"target={work}/report"]
    assert evaluate(spark, load(EvaluateConfig, words))["accuracy"] == pytest.approx(fitted["test_accuracy"], abs=0.02)


def test_rows_of_features_are_classified_as_their_photos_are(spark: SparkSession, work: Path) -> None:
    bundle = load_bundle(run(spark, work, "select=pca")["archive"])
    rows = pq.read_table(work / "features" / "data").to_pylist()[:4]
    said = bundle.classify_features(np.array([row["features"] for row in rows]))
    for row, probabilities in zip(rows, said, strict=True):
        assert np.allclose(
            bundle.classify(Path(row["uri"].removeprefix("file://")).read_bytes()), probabilities, atol=1e-3
        )
    with pytest.raises(ConfigError, match=r"shape \(4, 7\); this model takes"):
        bundle.classify_features(np.zeros((4, 7)))


def test_var10_keeps_what_numpy_keeps_on_the_train_split(spark: SparkSession, work: Path) -> None:
    bundle = load_bundle(run(spark, work, "select=var10")["model"])
    table = pq.read_table(work / "features" / "data", filters=[("split", "=", "train")])
    rows = np.array(table["features"].to_pylist(), np.float64)
    variance, varies = rows.var(axis=0), np.ptp(rows, axis=0) > 0
    kept = np.flatnonzero(varies & (variance > np.percentile(variance[varies], 10)))
    assert bundle.weights()["head.0.places"].tolist() == kept.tolist()


def test_pca_spans_what_numpy_s_covariance_spans(spark: SparkSession, work: Path) -> None:
    bundle = load_bundle(run(spark, work, "select=pca", "components=0.9")["model"])
    table = pq.read_table(work / "features" / "data", filters=[("split", "=", "train")])
    values, vectors = np.linalg.eigh(np.cov(np.array(table["features"].to_pylist()), rowvar=False))
    number = int(np.searchsorted(np.cumsum(values[::-1]) / values.sum(), 0.9)) + 1
    matrix = bundle.weights()["head.0.matrix"].numpy()
    assert matrix.shape[1] == number
    assert np.allclose(np.abs(matrix.T @ vectors[:, ::-1][:, :number]), np.eye(number), atol=0.02)


def test_the_learner_is_plain_tensors(work: Path, spark: SparkSession) -> None:
    weights = load_bundle(run(spark, work, "learner=random_forest")["model"]).weights()
    assert {"head.0.feature", "head.0.threshold", "head.0.value"} < set(weights)
    assert all(isinstance(tensor, torch.Tensor) for tensor in weights.values())


def test_a_dataset_of_photos_is_no_table_of_features(work: Path) -> None:
    with pytest.raises(DataError, match="is no table of features.*darkroom features"):
        check(load(FitConfig, [f"dataset={work}/dataset", f"target={work}/x"]))


@pytest.fixture(scope="module")
def server(spark: SparkSession, work: Path) -> Iterator[Server]:
    with serving(run(spark, work, "select=pca", f"target={work}/served")["model"], "engine=torch") as server:
        yield server


def invoke(server: Server, body: str | bytes, content_type: str, accept: str = "*/*") -> requests.Response:
    headers = {"Content-Type": content_type, "Accept": accept}
    return requests.post(f"{server.url}/invocations", data=body, headers=headers, timeout=60)


def as_csv(rows: list[dict[str, Any]]) -> str:
    return "".join(",".join(map(str, row["features"])) + "\n" for row in rows)


def test_a_server_says_of_rows_of_features_what_it_says_of_their_photos(server: Server, work: Path) -> None:
    rows = pq.read_table(work / "features" / "data").to_pylist()[:3]
    answers = invoke(server, as_csv(rows), "text/csv").json()["predictions"]
    for row, answer in zip(rows, answers, strict=True):
        photo = Path(row["uri"].removeprefix("file://")).read_bytes()
        of_photo = invoke(server, photo, "image/jpeg").json()
        assert answer["label_name"] == of_photo["label_name"]
        assert answer["confidence"] == pytest.approx(of_photo["confidence"], abs=1e-3)
    assert invoke(server, as_csv(rows), "text/csv", accept="text/csv").text.count("\n") == 1 + len(rows)


@pytest.mark.parametrize(
    ("body", "problem"),
    [("1,2\n", r"\(1, 2\); this model takes \(rows, "), ("a,b\n", "'a'"), ("", "shape"), ("1,2\n3\n", "row 2")],
)
def test_rows_that_do_not_fit_are_refused_with_their_place(server: Server, body: str, problem: str) -> None:
    refused = invoke(server, body, "text/csv")
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
    assert re.search(problem, refused.json()["message"])


def test_a_value_that_is_not_finite_is_refused_with_its_row(server: Server, work: Path) -> None:
    rows = pq.read_table(work / "features" / "data").to_pylist()[:2]
    rows[1]["features"][0] = "nan"
    refused = invoke(server, as_csv(rows), "text/csv")
    assert (refused.status_code, refused.json()["message"]) == (400, "row 1 has a value that is no finite float32")
