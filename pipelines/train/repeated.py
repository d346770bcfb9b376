"""What a training finds of earlier ones: the very model that it would make, or a run on data that have changed."""

import logging
from typing import Any

from pipelines import storage
from pipelines.dataset import Manifest, load_manifest
from pipelines.errors import DarkroomError
from pipelines.model.bundle import BundleInfo, load_bundle, own_code
from pipelines.train.checkpoint import FREE, changed_settings, checkpoint_uri, settings_of_checkpoint
from pipelines.train.config import TrainConfig
from pipelines.train.own import Codes, collect_own

RUN_FILES = ("failure.json", "metrics.json", "progress.json", "tensorboard")
ENDED = ("", "early_stopping")  # reasons to stop after which the same command would do nothing more


def nothing_new(config: TrainConfig) -> dict[str, Any] | None:
    """Return the summary of a finished training on the same dataset with the same settings, else None."""
    info = _finished(config, collect_own(config))
    if info is None or info.dataset_id != load_manifest(config.dataset).dataset_id:
        return None
    logging.getLogger(__name__).info("nothing new: %s is the model of this dataset and these settings", config.target)
    result = {"model_id": info.model_id, "epochs": int(info.metrics.get("epoch", -1)) + 1, **info.metrics}
    return summarise(config, result, nothing_new=True)


def summarise(config: TrainConfig, result: dict[str, Any], *, nothing_new: bool) -> dict[str, Any]:
    """Return what the job prints: the metrics of the model, and where everything is."""
    outputs = {"model": config.target, "archive": f"{config.target}.tar.gz", "run_dir": config.run_uri()}
    return {**result, "nothing_new": nothing_new, **outputs}


def is_outdated(config: TrainConfig, manifest: Manifest, codes: Codes) -> bool:
    """Say whether run_dir holds a run on an older state of the dataset that need not go on.

    That is one that has ended with the bundle at the target, or any with restart_on_new_data.
    """
    old = settings_of_checkpoint(config)
    if old is None or set(changed_settings(config, manifest.dataset_id, codes, old)) != {"dataset_id"}:
        return False
    info = _finished(config, codes)
    return config.restart_on_new_data or (info is not None and info.dataset_id == old["dataset_id"])


def clear_run(config: TrainConfig) -> None:
    """Delete a run's files, its checkpoint last: what a killed process leaves of them is still outdated."""
    logging.getLogger(__name__).info("the dataset has changed since %s was trained: training anew", config.run_uri())
    for name in RUN_FILES:
        storage.remove(storage.join(config.run_uri(), name))
    storage.remove(checkpoint_uri(config))


def _finished(config: TrainConfig, codes: Codes) -> BundleInfo | None:
    """Return the description of the bundle at the target, if a training with these settings has ended with it."""
    try:
        info = load_bundle(config.target, trust_code=True).info  # its code is not run
    except DarkroomError:
        return None
    settings = config.model_dump(mode="json", exclude={*FREE, "dataset", *codes})
    same = all(info.training.get(key) == value for key, value in settings.items())
    same = same and info.code == {part: own_code(code) for part, code in codes.items()}
    return info if same and info.metrics.get("stopped") in ENDED else None
