"""Features: photos or a dataset, and a network → a table of what one of its layers says, one row for every input."""

from typing import Any

import torch
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import __version__, storage
from pipelines.dataset import Manifest, load_manifest, manifest_uri
from pipelines.errors import ConfigError, DarkroomError, DataError
from pipelines.features.config import FeaturesConfig
from pipelines.features.extractor import extractor_of
from pipelines.features.table import FeatureManifest
from pipelines.model.bundle import load_bundle, save_bundle
from pipelines.model.engines import choose_engine
from pipelines.publish import publish, staged
from pipelines.score.inputs import read_everything
from pipelines.score.predict import ModelUse, score_images


def check(config: FeaturesConfig) -> None:
    """Look at source, network and layer before Spark starts.

    Raises:
        ConfigError: one of them does not exist.
    """
    if not storage.exists(config.source):
        raise ConfigError(f"source={config.source} does not exist")
    extractor_of(config)


def features(spark: SparkSession, config: FeaturesConfig) -> dict[str, Any]:
    """Run one job and return its counts; an earlier table is replaced as a whole."""
    made = extractor_of(config)
    side = made.info.preprocessing.crop_px
    noise = torch.randint(0, 256, (8, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with staged(config.target) as staging:
        place = storage.join(staging, "model")
        save_bundle(place, made.model, made.info, noise, made.codes)
        bundle = load_bundle(place, trust_code=True, outputs="features")
        choice = choose_engine(bundle, config.engine, config.num_threads)
        use = ModelUse(place, choice.name, 0, config.batch_size, config.num_threads, True, outputs="features")
        inputs = read_everything(spark, config.source, staging)
        if not inputs.num_inputs:
            raise DataError(f"source={config.source} has no images; {inputs.num_skipped} other files were skipped")
        num_inputs, num_skipped = inputs.num_inputs, inputs.num_skipped
        score_images(inputs.rows, use).write.parquet(storage.join(staging, "_features"))
        found = spark.read.parquet(storage.join(staging, "_features"))
        dataset = load_manifest(config.source) if storage.exists(manifest_uri(config.source)) else None
        num_rows, num_rejects = _write(found, dataset, config.source, staging)
        if num_rows + num_rejects != num_inputs:
            raise DarkroomError(
                f"{num_inputs} inputs, but {num_rows} rows and {num_rejects} rejects; nothing was published, run again"
            )
        manifest = FeatureManifest(
            dataset_id=dataset.dataset_id if dataset else "",
            classes=dataset.classes if dataset else (),
            counts=dataset.counts if dataset else {},
            num_features=made.info.head.num_features if made.info.head else 0,
            layer=made.info.head.layer if made.info.head else "",
            source=config.source,
            model_id=bundle.info.model_id,
            engine=choice.name,
            precision=choice.precision,
            code_version=__version__,
        )
        storage.write_json(storage.join(staging, "features.json"), manifest.model_dump())
        publish(config.target, ["data", "rejects", "model"], ["features.json"], run=0, append=False)
    return {
        "inputs": num_inputs,
        "rows": num_rows,
        "rejected": num_rejects,
        "skipped": num_skipped,
        **manifest.model_dump(include={"num_features", "layer", "engine", "precision", "model_id"}),
        **{name: storage.join(config.target, name) for name in ("data", "rejects")},
    }


def _write(found: DataFrame, dataset: Manifest | None, source: str, staging: str) -> tuple[int, int]:
    """Part features from rejects, give those of a dataset their labels and splits; return the numbers of both."""
    rows = found.where(F.col("reason").isNull()).select("image_id", "uri", "features")
    writer = rows.write
    if dataset:
        labels = found.sparkSession.read.parquet(storage.join(source, "data"))
        labelled = rows.join(labels.select("image_id", "label", "label_name", "split"), "image_id")
        writer = labelled.sortWithinPartitions("image_id").write.partitionBy("split")
    writer.parquet(storage.join(staging, "data"))
    rejects = found.where(F.col("reason").isNotNull()).coalesce(1)
    rejects.select("uri", "reason", "message", "bytes").write.parquet(storage.join(staging, "rejects"))
    read = found.sparkSession.read
    return read.parquet(storage.join(staging, "data")).count(), read.parquet(storage.join(staging, "rejects")).count()
