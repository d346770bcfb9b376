"""Gradients of two real Horovod processes."""

import sys
from typing import Any

import pytest
import torch
from torch import nn

SEED = 7


def network() -> nn.Module:
    """Two convolutions and a linear layer, 0.5 MiB of weights."""
    torch.manual_seed(SEED)
    parts = [nn.Conv2d(3, 128, 3), nn.Conv2d(128, 96, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 4)]
    return nn.Sequential(*parts)


def images_of(rank: int, number: int = 0) -> torch.Tensor:
    return torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(10 * rank + number))


def backward(model: nn.Module, images: torch.Tensor) -> None:
    model(images).square().sum().backward()


def in_one_process(*batches: torch.Tensor) -> list[torch.Tensor]:
    model = network()
    for images in batches:
        backward(model, images)
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


def what_a_process_sees() -> dict[str, Any]:
    """Run in each process; return its gradients after several kinds of steps."""
    from pipelines.train.gradients import Gradients
    from pipelines.train.world import World

    world = World(1, 1.0)
    seen: dict[str, Any] = {}

    def step(compression: str, buffer_mib: int, *batches: torch.Tensor, part: int | None = None) -> list[torch.Tensor]:
        model = network()
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        gradients = Gradients(model, world, buffer_mib, compression)
        for _ in range(2):  # the second step knows nothing of the first
            gradients.begin(len(batches))
            for images in batches:
                backward(model[:part], images)  # type: ignore[index]
            gradients.finish()
        seen["strides"] = [parameter.grad.stride() == parameter.stride() for parameter in model.parameters()]
        return [parameter.grad.clone(memory_format=torch.contiguous_format) for parameter in model.parameters()]

    mine = images_of(world.rank)
    seen["one batch"] = step("none", 25, mine)
    seen["each alone"] = step("none", 0, mine)
    seen["fp16"] = step("fp16", 25, mine)
    seen["two batches"] = step("none", 25, mine, images_of(world.rank, 1))
    seen["a batch in one alone"] = step("none", 25, *[mine] * (world.rank == 0))
    seen["a part in one alone"] = step("none", 25, mine, part=None if world.rank == 0 else 1)
    model = network()
    gradients = Gradients(model, world, 25, "none")
    gradients.begin(1)
    backward(model, mine)
    try:
        backward(model, mine)
    except RuntimeError as error:
        seen["twice"] = str(error)
    gradients.finish()
    return seen


@pytest.fixture(scope="module")
def seen() -> list[dict[str, Any]]:
    """What each of two processes has seen."""
    import cloudpickle
    import horovod

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    results: list[dict[str, Any]] = horovod.run(what_a_process_sees, num_proc=2, use_gloo=True)
    return results


def assert_both(seen: list[dict[str, Any]], name: str, expected: list[torch.Tensor], rtol: float = 1e-4) -> None:
    for process in seen:
        for found, wanted in zip(process[name][-len(expected) :], expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=rtol, atol=rtol)


def test_each_process_gets_the_gradients_of_the_batches_of_all(seen: list[dict[str, Any]]) -> None:
    assert_both(seen, "one batch", in_one_process(images_of(0), images_of(1)))


def test_buffers_of_0_mib_send_each_gradient_alone(seen: list[dict[str, Any]]) -> None:
    assert_both(seen, "each alone", in_one_process(images_of(0), images_of(1)))


def test_gradients_in_16_bits_are_near_and_not_the_same(seen: list[dict[str, Any]]) -> None:
    expected = in_one_process(images_of(0), images_of(1))
    assert_both(seen, "fp16", expected, rtol=1e-2)
    assert any(not torch.equal(*pair) for pair in zip(seen[0]["fp16"], seen[0]["one batch"], strict=True))


def test_several_batches_of_a_step_add_up(seen: list[dict[str, Any]]) -> None:
    expected = in_one_process(*(images_of(rank, number) for rank in (0, 1) for number in (0, 1)))
    assert_both(seen, "two batches", expected)


def test_a_process_without_a_batch_adds_zeros(seen: list[dict[str, Any]]) -> None:
    assert_both(seen, "a batch in one alone", in_one_process(images_of(0)))


def test_layers_that_take_no_part_in_one_process_get_the_sum_of_the_others(seen: list[dict[str, Any]]) -> None:
    assert_both(seen, "a part in one alone", in_one_process(images_of(0))[2:])


def test_gradients_lie_as_their_parameters_do(seen: list[dict[str, Any]]) -> None:
    assert all(all(process["strides"]) for process in seen)


def test_a_gradient_that_comes_after_its_buffer_has_left_is_an_error(seen: list[dict[str, Any]]) -> None:
    assert all("use_reentrant=False" in process["twice"] for process in seen)
