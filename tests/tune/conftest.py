"""Photos of three colours as a dataset, and their features by a SqueezeNet with random weights."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.config import load
from pipelines.features.config import FeaturesConfig
from pipelines.features.run import features
from pipelines.ingest.config import IngestConfig
from pipelines.ingest.run import ingest
from tests.bundles import write_bundle
from tests.photos import write_photos


@pytest.fixture(scope="package")
def work(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("tune")
    write_bundle(work / "model")
    write_photos(work / "photos", 14)
    ingest(spark, load(IngestConfig, [f"source={work}/photos", f"target={work}/dataset", "val_percent=25"]))
    words = [f"source={work}/dataset", f"model={work}/model", f"target={work}/features", "layer=features.3"]
    features(spark, load(FeaturesConfig, words))
    return work
