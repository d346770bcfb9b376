"""What runs a bundle's network: torch, or OpenVINO where it gives the same answers faster."""

import logging
import time
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from pipelines.errors import DataError
from pipelines.model.bundle import Bundle

TOLERANCE = 1e-4
Probabilities = np.ndarray[Any, np.dtype[np.float32]]


class Engine(Protocol):
    """Classifies batches."""

    def predict(self, images: torch.Tensor) -> Probabilities:
        """Return float32 (B, C) for uint8 (B, 3, S, S)."""


class EngineChoice(NamedTuple):
    """The engine of a run, with what the check batch showed."""

    name: str
    precision: str
    images_per_second: float
    max_difference: float


class TorchEngine:
    """Plain float32 torch, the reference."""

    def __init__(self, bundle: Bundle) -> None:
        """Build the network."""
        self._network = bundle.network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def predict(self, images: torch.Tensor) -> Probabilities:
        """Return float32 (B, C) for uint8 (B, 3, S, S)."""
        with torch.inference_mode():
            return np.asarray(self._network(images.contiguous(memory_format=torch.channels_last)).numpy())


class OpenVinoEngine:
    """The bundle's exported graph, compiled for this CPU in float32."""

    def __init__(self, bundle: Bundle, num_threads: int) -> None:
        """Compile the graph."""
        import openvino

        xml, weights = bundle.graph()
        core = openvino.Core()
        graph = core.read_model(xml, weights)
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": num_threads, "NUM_STREAMS": 1}
        self._request = core.compile_model(graph, "CPU", settings).create_infer_request()

    def predict(self, images: torch.Tensor) -> Probabilities:
        """Return float32 (B, C) for uint8 (B, 3, S, S)."""
        return np.array(self._request.infer([images.contiguous().numpy()])[0])


def open_engine(bundle: Bundle, name: str, num_threads: int) -> Engine:
    """Make the engine called `torch` or `openvino`."""
    return TorchEngine(bundle) if name == "torch" else OpenVinoEngine(bundle, num_threads)


def choose_engine(bundle: Bundle, setting: str, num_threads: int) -> EngineChoice:
    """Return the engine to use: of `auto`, the fastest that agrees with torch within 1e-4.

    The check batch of the bundle decides, on this machine's CPU.
    """
    torch.set_num_threads(num_threads)
    if setting != "auto":
        return _try(bundle, setting, num_threads)
    choices = [_try(bundle, name, num_threads) for name in ("torch", "openvino")]
    agreeing = [choice for choice in choices if choice.name == "torch" or choice.max_difference <= TOLERANCE]
    best = max(agreeing, key=lambda choice: choice.images_per_second)
    logging.getLogger(__name__).info("engine auto: %s of %s", best, choices)
    return best


def check_bundle(bundle: Bundle) -> None:
    """Run the check batch with torch on this machine.

    Raises:
        DataError: the answers are not those that are recorded in the bundle.
    """
    difference = _try(bundle, "torch", 1).max_difference
    if not difference <= TOLERANCE:
        raise DataError(
            f"model={bundle.uri} fails its check batch: its answers differ by up to {difference:.2g} from those that "
            f"were recorded when it was made (allowed: {TOLERANCE}); its files do not belong together, train it again"
        )


def _try(bundle: Bundle, name: str, num_threads: int) -> EngineChoice:
    images, expected = bundle.check_batch()
    engine = open_engine(bundle, name, num_threads)
    answers = engine.predict(images)
    started = time.perf_counter()
    for _ in range(3):
        engine.predict(images)
    rate = 3 * len(images) / (time.perf_counter() - started)
    return EngineChoice(name, "float32", round(rate, 1), float(np.abs(answers - expected.numpy()).max()))
