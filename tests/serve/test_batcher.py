"""Images of many requests share forward passes, and none waits for nothing."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
import torch

from pipelines.images.reject import Rejected
from pipelines.model.engines import Probabilities
from pipelines.serve.batcher import Batcher

A_MINUTE = 60.0


class Adder:
    """An engine whose answer to an image is its first pixel; it works only while it may."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.may_run = threading.Event()
        self.may_run.set()
        self.is_running = False

    def predict(self, images: torch.Tensor) -> Probabilities:
        self.is_running = True
        self.may_run.wait()
        self.batches.append(len(images))
        if images.sum() == 0:
            raise RuntimeError("only zeros")
        return np.asarray(images[:, :1, 0, 0].numpy(), np.float32)


def decode(content: bytes) -> torch.Tensor:
    """One byte is one pixel."""
    if not content:
        raise Rejected("empty", "no bytes")
    return torch.full((3, 1, 1), content[0], dtype=torch.uint8)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def run(engine: Adder, work: Callable[[Batcher], Awaitable[None]], *, max_batch: int = 4) -> None:
    async def main() -> None:
        batcher = Batcher(
            engine,
            decode,
            max_batch=max_batch,
            max_delay_seconds=A_MINUTE,
            num_decoders=2,
            observe=lambda *_: None,
        )
        try:
            await asyncio.wait_for(work(batcher), 20)
        finally:
            batcher.close()

    asyncio.run(main())


def test_a_lone_image_does_not_wait_for_others() -> None:
    engine = Adder()

    async def work(batcher: Batcher) -> None:
        assert (await batcher.classify(b"\x07")).tolist() == [7]

    run(engine, work)
    assert engine.batches == [1]


def test_images_that_wait_for_the_engine_share_a_batch_and_each_gets_its_own_answer() -> None:
    engine = Adder()

    async def work(batcher: Batcher) -> None:
        engine.may_run.clear()
        first = asyncio.create_task(batcher.classify(b"\x01"))
        await until(lambda: engine.is_running)
        others = [asyncio.create_task(batcher.classify(bytes([value]))) for value in range(2, 9)]
        await until(lambda: len(batcher._waiting) == 7)
        engine.may_run.set()
        answers = await asyncio.gather(first, *others)
        assert [answer.tolist() for answer in answers] == [[value] for value in range(1, 9)]

    run(engine, work)
    assert engine.batches == [1, 4, 3]


def test_a_reject_reaches_its_request_alone() -> None:
    async def work(batcher: Batcher) -> None:
        good, bad = await asyncio.gather(batcher.classify(b"\x05"), batcher.classify(b""), return_exceptions=True)
        assert isinstance(bad, Rejected) and bad.reason == "empty"
        assert not isinstance(good, BaseException) and good.tolist() == [5]

    run(Adder(), work)


def test_a_failing_forward_pass_fails_its_requests_and_no_later_one() -> None:
    async def work(batcher: Batcher) -> None:
        with pytest.raises(RuntimeError, match="only zeros"):
            await batcher.classify(b"\x00")
        assert (await batcher.classify(b"\x09")).tolist() == [9]

    run(Adder(), work)


def test_an_image_whose_request_gave_up_is_not_computed() -> None:
    engine = Adder()

    async def work(batcher: Batcher) -> None:
        engine.may_run.clear()
        first = asyncio.create_task(batcher.classify(b"\x01"))
        await until(lambda: engine.is_running)
        given_up = asyncio.create_task(batcher.classify(b"\x02"))
        await until(lambda: len(batcher._waiting) == 1)
        given_up.cancel()
        await asyncio.sleep(0)
        engine.may_run.set()
        await first
        await batcher.classify(b"\x03")

    run(engine, work)
    assert engine.batches == [1, 1]
