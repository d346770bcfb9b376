"""Try a network on two images, and say which layer does not fit."""

from types import TracebackType
from typing import Any, Self

import torch
from torch import nn

from pipelines.errors import ConfigError
from pipelines.model.architectures import Network, build

NUM_IMAGES = 2


class LayerTrace:
    """Follows the forward passes of a block: which layer runs or ran last, and what it was given."""

    def __init__(self, model: nn.Module) -> None:
        """Watch all layers of the model."""
        self._model, self._hooks = model, list[Any]()
        self._running, self._last = list[tuple[str, nn.Module, str]](), ""

    def __enter__(self) -> Self:
        """Begin to watch."""
        for name, module in self._model.named_modules():
            self._hooks.append(module.register_forward_pre_hook(self._enter(name)))
            self._hooks.append(module.register_forward_hook(self._leave))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop watching; what was seen stays."""
        for hook in self._hooks:
            hook.remove()

    def where(self) -> str:
        """Describe the innermost layer that has begun and not ended, or the last one that has ended."""
        if self._running:
            name, module, given = self._running[-1]
            after = f", after {self._last}" if self._last and not name else ""
            return f"in {_described(name, module)}, given {given}{after}"
        return f"its last layer is {self._last}" if self._last else "it ran no layer"

    def _enter(self, name: str) -> Any:
        def enter(module: nn.Module, given: tuple[Any, ...]) -> None:
            self._running.append((name, module, ", ".join(shape_of(item) for item in given)))

        return enter

    def _leave(self, module: nn.Module, given: Any, returned: Any) -> None:  # noqa: ARG002
        name = self._running.pop()[0]
        if name:
            self._last = f"{_described(name, module)}, which returned {shape_of(returned)}"


def _described(name: str, module: nn.Module) -> str:
    text = f"{type(module).__name__}({module.extra_repr()})"
    return f"layer {name} {text}" if name else f"forward() of {type(module).__name__}"


def shape_of(value: Any) -> str:
    """Describe a tensor as `float32 (2, 10)`, anything else by its type."""
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    return type(value).__name__


def check_output(network: Network | str, num_classes: int, image_size: int) -> nn.Module:
    """Run two black images through the network, and return it.

    Raises:
        ConfigError: it does not take that size, or does not return one score a class; the layer is named.
    """
    name = network if isinstance(network, str) else network.name
    model = build(network, num_classes).eval()
    with LayerTrace(model) as trace, torch.inference_mode():
        try:
            scores = model(torch.zeros(NUM_IMAGES, 3, image_size, image_size))
        except Exception as error:
            raise ConfigError(
                f"model={name} does not take images of image_size={image_size}: {error} ({trace.where()})"
            ) from error
    shape = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__
    if shape != (NUM_IMAGES, num_classes):
        raise ConfigError(
            f"model={name} returns {shape} for {NUM_IMAGES} images; it must return scores "
            f"({NUM_IMAGES}, {num_classes}), one a class; {trace.where()}"
        )
    if not scores.is_floating_point():
        raise ConfigError(f"model={name} returns {shape_of(scores)}; scores must be float; {trace.where()}")
    if not torch.isfinite(scores).all():
        raise ConfigError(f"model={name} returns NaN or infinity for black images; {trace.where()}")
    return model
