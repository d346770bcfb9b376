"""Fit: a table of features → a classic learner, as a bundle like any other."""

import functools
from typing import Any

import numpy as np
import torch
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from torch import nn

from pipelines import __version__, storage
from pipelines.errors import DarkroomError, DataError
from pipelines.features.table import FeatureManifest, load_feature_manifest
from pipelines.fit import mllib, sklearn_learners
from pipelines.fit.columns import Numbers, on_rows
from pipelines.fit.config import FitConfig
from pipelines.fit.learned import Learned
from pipelines.fit.selection import apply, select
from pipelines.lock import locked
from pipelines.model.bundle import Bundle, BundleInfo, load_bundle, make, save_bundle
from pipelines.model.code import Code
from pipelines.model.head import Head, Pick

AGREEMENT = 0.999  # of the exported learner's answers and the library's own


def check(config: FitConfig) -> None:
    """Look at table, extractor and the learner's arguments before Spark starts.

    Raises:
        DataError: no table, one without labels, or a class without rows to learn from.
        ConfigError: arguments that the learner does not take, or code that is not trusted.
    """
    manifest = load_feature_manifest(config.dataset)
    if not manifest.rows("train"):
        raise DataError(f"dataset={config.dataset} has no labelled rows in a train split; make it of a dataset")
    if missing := [name for name in manifest.classes if not manifest.counts["train"].get(name)]:
        raise DataError(f"the classes {missing} have no rows in the train split of dataset={config.dataset}")
    library = mllib if config.library == "mllib" else sklearn_learners
    library.check_arguments(config)
    load_bundle(manifest.extractor, config.trust_code, "features")


def fit(spark: SparkSession, config: FitConfig) -> dict[str, Any]:
    """Run one fit and return its accuracy on every split."""
    manifest = load_feature_manifest(config.dataset)
    extractor = load_bundle(manifest.extractor, config.trust_code, "features")
    rows = spark.read.parquet(storage.join(config.dataset, "data")).withColumn("label", F.col("label").cast("double"))
    rows = rows.select("image_id", "label", "split", "features")
    with locked(f"{config.target}-run"):
        try:
            steps = select(rows.where(F.col("split") == "train"), config, manifest.num_features)
            chosen = apply(rows.withColumn("raw", F.col("features")), steps).persist()
            learned = _learn(chosen, config, manifest)
            head = _head(extractor, steps, learned)
            model = _assemble(extractor, head, steps, learned)
            metrics = _measure(chosen, learned, model.get_submodule("head"))
            chosen.unpersist()
            info = _describe(config, manifest, extractor, head, metrics)
            saved = save_bundle(config.target, model, info, extractor.check_batch()[0], _codes(extractor))
        finally:
            storage.remove(storage.join(f"{config.target}-run", "scratch"))
    kept = _num_kept(steps, manifest.num_features)
    main = {"learner": config.learner, "library": config.library, "select": list(config.select), "num_features": kept}
    return {**main, **metrics, "model_id": saved.model_id, "model": config.target, "archive": f"{config.target}.tar.gz"}


def _learn(chosen: DataFrame, config: FitConfig, manifest: FeatureManifest) -> Learned:
    train = chosen.where(F.col("split") == "train")
    if config.library == "sklearn":
        return sklearn_learners.fit_sklearn(train, config, manifest.num_features)
    scratch = storage.join(f"{config.target}-run", "scratch")
    return mllib.fit_mllib(train, config, len(manifest.classes), scratch)


def _num_kept(steps: nn.Module, num_features: int) -> int:
    with torch.inference_mode():
        return int(steps(torch.zeros(1, num_features)).shape[1])


def _head(extractor: Bundle, steps: nn.Sequential, learned: Learned) -> Head:
    """Describe the head: the sizes of its steps and of the learner's tensors."""
    before = extractor.info.head
    if before is None:
        raise DataError("the features' bundle has no head; make the table again with darkroom features")
    sizes: list[tuple[Any, int, int]] = []
    num_features = before.num_features
    for step in steps:
        if isinstance(step, Pick):
            kind, size = "pick", len(step.get_buffer("places"))
        else:
            kind, size = "project", step.get_buffer("matrix").shape[1]
        sizes.append((kind, num_features, size))
        num_features = size
    shapes = {name: tuple(tensor.shape) for name, tensor in learned.tensors.items()}
    changes = {"steps": tuple(sizes), "learner": learned.learner, "depth": learned.depth, "link": learned.link}
    return before.model_copy(update={**changes, "shapes": shapes})


def _assemble(extractor: Bundle, head: Head, steps: nn.Sequential, learned: Learned) -> nn.Module:
    """Put network, steps and learner together: images → logits."""
    model = make(extractor.described(), head, 0)
    state = {f"features.{name}": tensor for name, tensor in extractor.weights().items()}
    state |= {f"head.{name}": tensor for name, tensor in steps.state_dict().items()}
    state |= {f"head.{len(steps)}.{name}": tensor for name, tensor in learned.tensors.items()}
    model.load_state_dict(state)
    return model.eval()


def _measure(chosen: DataFrame, learned: Learned, head: nn.Module) -> dict[str, Any]:
    """Return rows and accuracy of every split by the head as it is exported.

    Raises:
        DarkroomError: it does not say what the library's own model says.
    """
    answer = on_rows(functools.partial(_answers, head=head), "double")
    predicted = learned.predict(chosen).withColumn("answer", answer("raw"))
    hits, same = ((F.col("answer") == F.col(name)).cast("double") for name in ("label", "prediction"))
    found = predicted.groupBy("split").agg(F.count("*"), F.sum(hits), F.sum(same)).collect()
    num_rows = sum(row[1] for row in found)
    agreement = sum(row[3] for row in found) / num_rows
    if agreement < AGREEMENT:
        raise DarkroomError(
            f"the exported learner agrees with the library's on {agreement:.4f} of {num_rows} rows only"
        )
    rows = {row["split"]: int(row[1]) for row in found}
    accuracy = {f"{row['split']}_accuracy": row[2] / row[1] for row in found}
    return {"rows": rows, **accuracy, "agreement": agreement}


def _answers(features: Numbers, head: nn.Module) -> Numbers:
    with torch.inference_mode():
        return np.asarray(head(torch.from_numpy(features)).argmax(1).double().numpy())


def _describe(
    config: FitConfig, manifest: FeatureManifest, extractor: Bundle, head: Head, metrics: dict[str, Any]
) -> BundleInfo:
    return BundleInfo(
        architecture=extractor.info.architecture,
        model_args=extractor.info.model_args,
        head=head,
        classes=manifest.classes,
        preprocessing=extractor.info.preprocessing,
        training={**config.model_dump(exclude={"dataset", "target"}), "extractor": extractor.info.model_id},
        dataset_id=manifest.dataset_id,
        metrics=metrics,
        code_version=__version__,
    )


def _codes(extractor: Bundle) -> dict[str, Code]:
    code = extractor.described().code
    return {"model": code} if code else {}
