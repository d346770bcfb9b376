"""The activations of a layer, as a table: one row for every input, computed as scoring does."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from pyspark.sql import SparkSession
from torch import nn

from pipelines.config import load
from pipelines.errors import ConfigError
from pipelines.features.config import FeaturesConfig
from pipelines.features.run import check, features
from pipelines.ingest.config import IngestConfig
from pipelines.ingest.run import ingest
from pipelines.model.bundle import load_bundle
from pipelines.model.layer_output import LayerOutput
from pipelines.model.network import normalise
from pipelines.model.preprocess import from_bytes
from pipelines.score.config import ScoreConfig
from pipelines.score.run import check as check_score
from tests.bundles import write_bundle
from tests.photos import write_photos


@pytest.fixture(scope="module")
def work(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 30 photos, a folder with a text among them, and a SqueezeNet."""
    work = tmp_path_factory.mktemp("features")
    write_bundle(work / "model")
    write_photos(work / "photos", 10)
    (work / "photos" / "red" / "text.jpg").write_text("no photo")
    ingest(spark, load(IngestConfig, [f"source={work}/photos", f"target={work}/dataset", "max_reject_ratio=1"]))
    return work


def settings(work: Path, *words: str) -> FeaturesConfig:
    return load(FeaturesConfig, [f"source={work}/dataset", f"model={work}/model", f"target={work}/features", *words])


def test_rows_are_what_torch_says_at_that_layer(spark: SparkSession, work: Path) -> None:
    summary = features(spark, settings(work, "layer=features.6"))
    assert (summary["rows"], summary["num_features"]) == (30, 256)
    bundle = load_bundle(f"{work}/model")
    how, seen = bundle.info.preprocessing, []
    network = bundle.network().model
    network.get_submodule("features.6").register_forward_hook(lambda *call: seen.append(call[2]))
    for row in pq.read_table(work / "features" / "data").to_pylist()[:5]:
        pixels = from_bytes(Path(row["uri"].removeprefix("file://")).read_bytes(), how)
        with torch.inference_mode():
            network(normalise(pixels[None], how.mean, how.std))
        assert np.allclose(row["features"], seen[-1].mean((2, 3))[0], atol=1e-3)


def test_labels_and_splits_are_those_of_the_dataset(spark: SparkSession, work: Path) -> None:
    features(spark, settings(work, "layer=features.6"))
    columns = ["image_id", "label", "label_name", "split"]
    one, two = (pq.read_table(work / name / "data").select(columns).to_pylist() for name in ("features", "dataset"))
    assert sorted(map(str, one)) == sorted(map(str, two))


def test_photos_without_labels_give_rows_and_rejects(spark: SparkSession, work: Path) -> None:
    summary = features(spark, settings(work, f"source={work}/photos", f"target={work}/unlabelled"))
    assert [summary[key] for key in ("inputs", "rows", "rejected", "layer")] == [31, 30, 1, "input:classifier.1"]
    assert pq.read_table(work / "unlabelled" / "rejects").to_pylist()[0]["reason"] == "not_an_image"


def test_a_missing_layer_is_refused_with_near_names(work: Path) -> None:
    with pytest.raises(ConfigError, match=r"layer='feature.6' is no layer .* near names: features.6"):
        check(settings(work, "layer=feature.6"))


def test_a_table_s_bundle_does_not_score(spark: SparkSession, work: Path) -> None:
    features(spark, settings(work, "layer=features.6"))
    words = [f"source={work}/photos", f"model={work}/features/model", f"target={work}/scored"]
    with pytest.raises(ConfigError, match="gives features, not probabilities"):
        check_score(load(ScoreConfig, words))


@pytest.mark.parametrize(("pooling", "expected"), [("mean", 5.5), ("max", 10.0), ("none", 1.0)])
def test_pooling_takes_mean_maximum_or_all(pooling: str, expected: float) -> None:
    images = torch.tensor([[[[1.0, 10.0], [5.0, 6.0]]]])
    rows = LayerOutput(nn.Sequential(nn.Identity()), "0", pooling)(images)  # type: ignore[arg-type]
    assert rows[0, 0] == expected and rows.shape == (1, 4 if pooling == "none" else 1)
