"""The sum of all processes' gradients, exchanged while the backward pass still goes on.

Gradients lie in a few flat buffers, those of the last layers first; a buffer travels once the last of its gradients is
there, as in torch's DistributedDataParallel (Li et al., VLDB 2020). Horovod's own optimizer takes contiguous gradients
alone; here a gradient lies in memory as its parameter does, channels last too.
"""

from typing import cast

import torch
from torch import nn

from pipelines.train.world import World

_FIRST_MIB = 1  # the exchange begins early


class Gradients:
    """The gradients of a model's parameters; `begin` a step, run its backward passes, `finish`: then they are sums."""

    def __init__(self, model: nn.Module, world: World, buffer_mib: int, compression: str) -> None:
        """Lay them out for the parameters as they lie now, `buffer_mib` together; `compression` is none or fp16."""
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._buffers = list[_Buffer]()
        if world.size > 1:
            for number, parameters in enumerate(_in_buffers(self._parameters, buffer_mib)):
                self._buffers.append(_Buffer(f"gradients{number}", parameters, world, half=compression == "fp16"))

    def begin(self, num_passes: int) -> None:
        """Forget the last step's gradients; so many backward passes add up to the next ones, and none gives zeros."""
        for parameter in self._parameters:
            parameter.grad = None
        for buffer in self._buffers:
            buffer.begin(num_passes)

    def finish(self) -> None:
        """Wait until every gradient is the sum over all processes."""
        for buffer in self._buffers:
            buffer.send()  # if a parameter took no part, the buffer has not left yet
        for buffer in self._buffers:
            buffer.receive()


class _Buffer:
    """Gradients that travel together."""

    def __init__(self, name: str, parameters: list[nn.Parameter], world: World, *, half: bool) -> None:
        self._name, self._world, self._half = name, world, half
        first, size = parameters[0], sum(parameter.numel() for parameter in parameters)
        self._flat = torch.zeros(size, dtype=first.dtype, device=first.device)
        self._views, start = dict[torch.Tensor, torch.Tensor](), 0
        for parameter in parameters:
            strides = torch.empty_like(parameter, device="meta").stride()
            self._views[parameter] = self._flat.as_strided(parameter.shape, strides, start)
            start += parameter.numel()
            parameter.register_post_accumulate_grad_hook(self._arrived)  # type: ignore[no-untyped-call]
        self._missing, self._travels = 0, self._flat
        self._handle: int | None = None

    def begin(self, num_passes: int) -> None:
        self._missing = num_passes * len(self._views)

    def _arrived(self, parameter: torch.Tensor) -> None:
        if self._handle is not None:
            raise RuntimeError(
                f"a parameter of shape {tuple(parameter.shape)} got a gradient more than once in a backward pass, when "
                "the sum over all processes had begun; checkpoints of torch need use_reentrant=False"
            )
        view = self._views[parameter]
        if parameter.grad is not view:  # of the first pass: still in the core's cache
            parameter.grad = view.copy_(cast(torch.Tensor, parameter.grad))
        self._missing -= 1
        if not self._missing:
            self.send()

    def send(self) -> None:
        if self._handle is None:
            for parameter, view in self._views.items():
                if parameter.grad is None:
                    parameter.grad = view.zero_()
            self._travels = self._flat.half() if self._half else self._flat
            self._handle = self._world.begin_sum(self._travels, self._name)

    def receive(self) -> None:
        assert self._handle is not None
        self._world.end_sum(self._handle)
        if self._half:
            self._flat.copy_(self._travels)
        self._travels, self._handle = self._flat, None


def _in_buffers(parameters: list[nn.Parameter], buffer_mib: int) -> list[list[nn.Parameter]]:
    """Divide parameters of one kind each, last layers first, into lists of about so much."""
    lists: list[list[nn.Parameter]] = []
    size = limit = 0
    for parameter in reversed(parameters):
        if not lists or size >= limit or _kind(parameter) != _kind(lists[-1][0]):
            limit = (buffer_mib if lists else min(_FIRST_MIB, buffer_mib)) * 2**20
            lists.append([])
            size = 0
        lists[-1].append(parameter)
        size += parameter.numel() * parameter.element_size()
    return lists


def _kind(parameter: nn.Parameter) -> tuple[torch.dtype, torch.device]:
    return parameter.dtype, parameter.device
