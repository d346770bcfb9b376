"""What each Horovod process does: make the network, train it, and rank 0 saves the bundle."""

import traceback
from itertools import islice
from typing import Any

import torch

from pipelines import __version__, storage
from pipelines.dataset import Manifest
from pipelines.model.architectures import build
from pipelines.model.bundle import BundleInfo, save_bundle
from pipelines.model.preprocess import Preprocessing
from pipelines.model.weights import Pretrained, freeze_all_but, head_of, read_weights, start_from
from pipelines.train.batches import Shard, batches_of
from pipelines.train.config import TrainConfig
from pipelines.train.own import PARTS, Codes, network_of, optimizer_of
from pipelines.train.stopping import best_epoch
from pipelines.train.trainer import Trainer
from pipelines.train.world import World

FAILURE = "failure.json"
CHECK_IMAGES = 32  # of a bundle: enough to tell engines apart, few enough to be timed in seconds


def work(config: TrainConfig, manifest: Manifest, codes: Codes) -> dict[str, Any]:
    """Train to the end; rank 0 returns the run's metrics.

    An error of the code is written to the run's folder: the driver must not start such a run again.
    """
    world = World(config.tensor_fusion_mib, config.tensor_fusion_ms)
    try:
        return _work(config, manifest, codes, world)
    except Exception as error:
        if not world.lost_another(error):
            failure = {"type": type(error).__name__, "message": str(error), "traceback": traceback.format_exc()}
            storage.write_json(storage.join(config.run_uri(), FAILURE), failure)
        raise


def _work(config: TrainConfig, manifest: Manifest, codes: Codes, world: World) -> dict[str, Any]:
    torch.set_num_threads(config.num_threads)
    torch.manual_seed(config.seed)
    pretrained = read_weights(config.weights, config.model) if config.weights else Pretrained({})
    preprocessing = preprocessing_of(config, manifest, pretrained)
    network = network_of(config, codes)
    model = build(network, len(manifest.classes))
    if config.weights:
        start_from(model, network, pretrained, manifest.classes)
    if config.freeze_backbone:
        freeze_all_but(model, head_of(network))
    model = model.to(world.device)
    trainer = Trainer(config, manifest, codes, preprocessing, world, model, optimizer_of(config, codes, model))
    trainer.run()
    return _save(trainer) if world.rank == 0 else {}


def preprocessing_of(config: TrainConfig, manifest: Manifest, pretrained: Pretrained) -> Preprocessing:
    """Return how the network of this run wants its images: as its weights did, else by the dataset's pixels."""
    return Preprocessing(
        policy=manifest.policy(),
        resize_px=round(config.image_size * 8 / 7),
        crop_px=config.image_size,
        interpolation=pretrained.interpolation,
        mean=pretrained.mean or manifest.pixel_mean,
        std=pretrained.std or manifest.pixel_std,
    )


def _save(trainer: Trainer) -> dict[str, Any]:
    """Write the bundle; return the metrics of its epoch, and why the run ended early if it did."""
    config, manifest, history, codes = trainer.config, trainer.manifest, trainer.history, trainer.codes
    split = "val" if manifest.rows("val") else "train"
    shard = Shard(config.dataset, split, 0, 1, 0, config.seed)
    images = next(islice(batches_of(shard, trainer.preprocessing, CHECK_IMAGES, 1), 1)).images
    chosen = (history[best_epoch(history)] if config.early_stopping else history[-1]) if history else {}
    result = {**chosen, "stopped": trainer.stopped}
    network = network_of(config, codes)
    own = {part: codes[part].entry for part in PARTS if part in codes}
    info = BundleInfo(
        architecture=network.name,
        model_args=config.model_args,
        classes=manifest.classes,
        preprocessing=trainer.preprocessing,
        training={**config.model_dump(exclude={"dataset", "target", "run_dir"}), **own},
        dataset_id=manifest.dataset_id,
        metrics=result,
        code_version=__version__,
    )
    saved = save_bundle(config.target, trainer.model, info, images, codes)
    return {"model_id": saved.model_id, "epochs": len(history), **result}
