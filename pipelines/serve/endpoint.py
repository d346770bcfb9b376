"""The model behind the service: loading, ready, or failed with a reason."""

import asyncio
import logging
import os
from typing import Any, NamedTuple

import numpy as np
import torch

from pipelines.errors import StorageError
from pipelines.images.identity import image_id
from pipelines.images.reject import Rejected
from pipelines.model.bundle import Bundle, load_bundle
from pipelines.model.engines import Engine, EngineChoice, choose_engine, open_engine
from pipelines.model.names import is_name, resolve
from pipelines.model.preprocess import from_bytes
from pipelines.serve.admission import Admission
from pipelines.serve.batcher import Batcher
from pipelines.serve.config import ServeConfig
from pipelines.serve.errors import Refused
from pipelines.serve.metrics import Metrics

Rows = np.ndarray[Any, np.dtype[np.float32]]
NOTHING = np.empty(0, np.float32)


class Result(NamedTuple):
    """One image, or row of features, which has no id: probabilities float32 (C,), none beside a reject."""

    image_id: str | None
    probabilities: np.ndarray[Any, np.dtype[np.float32]]
    reject: Rejected | None = None


class Ready(NamedTuple):
    """A model that answers: the bundle's own URI, whatever name it was found by."""

    uri: str
    bundle: Bundle
    choice: EngineChoice
    batcher: Batcher


class Endpoint:
    """One model for one event loop."""

    def __init__(self, config: ServeConfig, metrics: Metrics) -> None:
        """Nothing is loaded yet."""
        self._config, self._metrics = config, metrics
        self._ready: Ready | None = None
        self._reason = f"model={config.model} is being loaded"
        self._failed = False
        self._refused = ""
        self.admission = Admission(config.max_queue, config.max_held_bytes, self._images_per_second)

    async def run(self) -> None:
        """Load the model, then follow its name; a first failure is kept as the reason why there is none."""
        try:
            await self._take(await asyncio.to_thread(resolve, self._config.model))
        except Exception as error:
            logging.getLogger(__name__).exception("model=%s cannot be loaded", self._config.model)
            self._reason, self._failed = f"{type(error).__name__}: {error}", True
            return
        while is_name(self._config.model):
            await asyncio.sleep(self._config.follow_seconds)
            await self._refresh()

    async def _refresh(self) -> None:
        """Take the version that the name means by now; where that cannot be used, the old one goes on."""
        uri = self._config.model
        try:
            uri = await asyncio.to_thread(resolve, uri)
            if uri not in (self.ready().uri, self._refused):
                await self._take(uri)
        except Exception as error:
            logging.getLogger(__name__).warning("%s is refused, %s goes on: %s", uri, self.ready().uri, error)
            self._refused = "" if isinstance(error, StorageError) else uri  # what did not answer is asked again

    async def _take(self, uri: str) -> None:
        """Answer with another bundle from now on; the old one finishes what it has."""
        bundle, engine, choice = await asyncio.to_thread(_load, self._config, uri)
        batcher = Batcher(
            engine,
            lambda content: _decode(content, bundle),
            max_batch=self._config.max_batch,
            max_delay_seconds=self._config.max_delay_ms / 1000,
            num_decoders=num_threads(self._config) + 1,
            observe=self._metrics.saw_batch,
        )
        old, self._ready = self._ready, Ready(uri, bundle, choice, batcher)
        self._metrics.set_model(bundle.info.model_id, choice.name, choice.precision)
        logging.getLogger(__name__).info("model %s is ready on %s", bundle.info.model_id, choice)
        if old:
            self._metrics.set_model(old.bundle.info.model_id, old.choice.name, old.choice.precision, answers=False)
            while old.batcher.num_users:
                await asyncio.sleep(0.05)
            await asyncio.to_thread(old.batcher.close)

    def close(self) -> None:
        """Stop the threads."""
        if self._ready:
            self._ready.batcher.close()
        self._ready, self._reason = None, "the server is stopping"

    def ready(self, otherwise: int = 503) -> Ready:
        """Return the model.

        Raises:
            Refused: it is not loaded; the status is `otherwise`.
        """
        if self._ready is None:
            raise Refused(otherwise, "not_ready", self._reason, None if self._failed else 1)
        return self._ready

    async def classify(self, ready: Ready, contents: list[bytes]) -> list[Result]:
        """Classify files' bytes with what `ready()` just returned, one result each, in order.

        Raises:
            Refused: 429 or 413 if the queue has no room for them.
        """
        with self.admission.images(len(contents)), ready.batcher.in_use():
            self._metrics.set_queue(self.admission.num_images)
            try:
                return list(await asyncio.gather(*(self._classify(content, ready.batcher) for content in contents)))
            finally:
                self._metrics.set_queue(self.admission.num_images - len(contents))

    async def classify_rows(self, ready: Ready, rows: Rows) -> list[Result]:
        """Classify rows of features (N, D) with what `ready()` just returned, one result each, in order."""
        probabilities = await asyncio.to_thread(ready.bundle.classify_features, rows)
        return [Result(None, row) for row in probabilities]

    async def _classify(self, content: bytes, batcher: Batcher) -> Result:
        try:
            result = Result(image_id(content), await batcher.classify(content))
        except Rejected as error:
            result = Result(image_id(content), NOTHING, error)
        self._metrics.saw_image(result.reject)
        return result

    def _images_per_second(self) -> float:
        return self._ready.choice.images_per_second if self._ready else 1.0


def num_threads(config: ServeConfig) -> int:
    """Return the threads of a forward pass: as set, or this worker's share of the cores."""
    return config.num_threads or max(1, len(os.sched_getaffinity(0)) // config.workers)


def _load(config: ServeConfig, uri: str) -> tuple[Bundle, Engine, EngineChoice]:
    bundle = load_bundle(uri, config.trust_code)
    choice = choose_engine(bundle, config.engine, num_threads(config))
    if choice.name != "torch":
        torch.set_num_threads(1)  # torch only resizes then, on as many threads as decode: more of its own would spin
    return bundle, open_engine(bundle, choice.name, num_threads(config), choice.precision), choice


def _decode(content: bytes, bundle: Bundle) -> Any:
    how = bundle.info.preprocessing
    if len(content) > how.policy.max_bytes:
        raise Rejected("too_many_bytes", f"{len(content)} bytes are more than max_bytes={how.policy.max_bytes}")
    return from_bytes(content, how)
