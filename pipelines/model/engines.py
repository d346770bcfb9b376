"""What runs a bundle's network: torch, or OpenVINO where it gives the same answers faster."""

import logging
import time
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from pipelines.errors import DataError
from pipelines.model.bundle import Bundle
from pipelines.quiet_imports import import_openvino

TOLERANCE = 1e-4
MIN_AGREEMENT = 0.995  # share of images whose most likely class is the same in bfloat16
SECONDS = 0.5  # how long an engine is timed, at least one batch
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
    agreement: float

    @property
    def agrees(self) -> bool:
        """Say whether its answers may stand for torch's; that the graph is the right one, float32 has to show."""
        if self.precision == "bfloat16":
            return self.agreement >= MIN_AGREEMENT
        return self.name == "torch" or self.max_difference <= TOLERANCE


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
    """The bundle's exported graph, compiled for this CPU in float32 or bfloat16.

    OpenVINO would bind its threads to cores, and those of every process to the same: the tasks of an executor would
    share one core.
    """

    def __init__(self, bundle: Bundle, num_threads: int, precision: str) -> None:
        """Compile the graph, for pixels with the channels last, as decoders give them."""
        openvino = import_openvino()
        xml, weights = bundle.graph()
        core = openvino.Core()
        steps = openvino.preprocess.PrePostProcessor(core.read_model(xml, weights))
        steps.input().tensor().set_layout(openvino.Layout("NHWC"))
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        graph = steps.build()
        hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
        threads = {"INFERENCE_NUM_THREADS": num_threads, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
        compiled = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": hint, **threads})
        self._request = compiled.create_infer_request()

    def predict(self, images: torch.Tensor) -> Probabilities:
        """Return float32 (B, C) for uint8 (B, 3, S, S)."""
        return np.array(self._request.infer([images.permute(0, 2, 3, 1).contiguous().numpy()])[0])


def open_engine(bundle: Bundle, name: str, num_threads: int, precision: str = "float32") -> Engine:
    """Make the engine called `torch` or `openvino`; the latter knows `bfloat16` too."""
    return TorchEngine(bundle) if name == "torch" else OpenVinoEngine(bundle, num_threads, precision)


def choose_engine(bundle: Bundle, setting: str, num_threads: int) -> EngineChoice:
    """Return the engine to use: of `auto`, the fastest that agrees with torch; any other in float32.

    The check batch of the bundle decides, on this machine's CPU. In float32 OpenVINO's probabilities have to be within
    1e-4 of torch's. Then bfloat16 is tried where the CPU has instructions for it: the most likely class has to be
    the same for 99.5 % of the images.
    """
    torch.set_num_threads(num_threads)
    if setting != "auto":
        return _try(bundle, setting, "float32", num_threads)
    choices = [_try(bundle, name, "float32", num_threads) for name in ("torch", "openvino")]
    if choices[-1].agrees and bundle.info.outputs == "probabilities" and _has_bfloat16():
        choices.append(_try(bundle, "openvino", "bfloat16", num_threads))
    best = max((choice for choice in choices if choice.agrees), key=lambda choice: choice.images_per_second)
    logging.getLogger(__name__).info("engine auto: %s of %s", best, choices)
    return best


def _has_bfloat16() -> bool:
    return "BF16" in import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def check_bundle(bundle: Bundle) -> None:
    """Run the check batch with torch on this machine.

    Raises:
        DataError: the answers are not those that are recorded in the bundle.
    """
    difference = _try(bundle, "torch", "float32", 1).max_difference
    if not difference <= TOLERANCE:
        raise DataError(
            f"model={bundle.uri} fails its check batch: its answers differ by up to {difference:.2g} from those that "
            f"were recorded when it was made (allowed: {TOLERANCE}); its files do not belong together, train it again"
        )


def _try(bundle: Bundle, name: str, precision: str, num_threads: int) -> EngineChoice:
    images, expected = bundle.check_batch()
    engine = open_engine(bundle, name, num_threads, precision)
    num_batches, started = 1, time.perf_counter()
    answers = engine.predict(images)
    if time.perf_counter() - started < SECONDS:  # too short to count: a first batch takes longer than others
        num_batches, started = 0, time.perf_counter()
        while not num_batches or time.perf_counter() - started < SECONDS:
            engine.predict(images)
            num_batches += 1
    rate = num_batches * len(images) / (time.perf_counter() - started)
    difference = float(np.abs(answers - expected.numpy()).max())
    agreement = float((answers.argmax(1) == expected.numpy().argmax(1)).mean())
    return EngineChoice(name, precision, round(rate, 1), difference, agreement)
