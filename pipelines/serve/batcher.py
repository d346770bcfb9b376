"""Batch images of many requests: decode on threads, forward pass on one thread, both at the same time."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch

from pipelines.model.engines import Engine, Probabilities
from pipelines.model.preprocess import stack

Decode = Callable[[bytes], torch.Tensor]
Answer = asyncio.Future[np.ndarray[Any, np.dtype[np.float32]]]


class Waiting(NamedTuple):
    """A decoded image uint8 (3, S, S), and where its probabilities (C,) are waited for."""

    pixels: torch.Tensor
    answer: Answer


class Batcher:
    """Classifies images for requests of one event loop.

    A batch starts when it is full, when nothing more is being decoded, or when its first image has waited for
    `max_delay_seconds`: a lone image never waits, and under load the batches fill by themselves.
    """

    def __init__(
        self,
        engine: Engine,
        decode: Decode,
        *,
        max_batch: int,
        max_delay_seconds: float,
        num_decoders: int,
        observe: Callable[[int, float], None],
    ) -> None:
        """Start the threads; `observe` is told the size and the seconds of every forward pass."""
        self._engine, self._decode, self._observe = engine, decode, observe
        self._max_batch, self._max_delay_seconds = max_batch, max_delay_seconds
        self._loop = asyncio.get_running_loop()
        self._changed = threading.Condition()
        self._waiting: deque[Waiting] = deque()
        self._num_decoding = 0
        self._closed = False
        self.num_users = 0
        self._decoders = ThreadPoolExecutor(num_decoders, thread_name_prefix="decode")
        self._runner = threading.Thread(target=self._run, name="forward", daemon=True)
        self._runner.start()

    async def classify(self, content: bytes) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the probabilities float32 (C,) of a file's bytes.

        Raises:
            Rejected: it is no usable image.
        """
        answer: Answer = self._loop.create_future()
        with self._changed:
            self._num_decoding += 1
        self._decoders.submit(self._prepare, content, answer)
        return await answer

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Count one more user until the end of the block: `close` has to wait until there is none."""
        self.num_users += 1
        try:
            yield
        finally:
            self.num_users -= 1

    def close(self) -> None:
        """Stop the threads; images that are still in work have no answer any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._decoders.shutdown(cancel_futures=True)
        self._runner.join()

    def _prepare(self, content: bytes, answer: Answer) -> None:
        """Decode one image, unless its request has given up."""
        try:
            pixels = None if answer.cancelled() else self._decode(content)
        except Exception as error:
            pixels = None
            self._loop.call_soon_threadsafe(_fail, [answer], error)
        with self._changed:
            self._num_decoding -= 1
            if pixels is not None:
                self._waiting.append(Waiting(pixels, answer))
            self._changed.notify()

    def _run(self) -> None:
        while batch := self._next_batch():
            answers = [item.answer for item in batch]
            started = time.perf_counter()
            try:
                probabilities = self._engine.predict(stack([item.pixels for item in batch]))
            except Exception as error:
                self._loop.call_soon_threadsafe(_fail, answers, error)
                continue
            self._observe(len(batch), time.perf_counter() - started)
            self._loop.call_soon_threadsafe(_hand_out, answers, probabilities)

    def _next_batch(self) -> list[Waiting]:
        """Wait for the next images, at least one; an empty list when closed."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return []
                self._changed.wait_for(self._is_complete, self._max_delay_seconds)
                taken = [self._waiting.popleft() for _ in range(min(self._max_batch, len(self._waiting)))]
                if batch := [item for item in taken if not item.answer.cancelled()]:
                    return batch

    def _is_complete(self) -> bool:
        return len(self._waiting) >= self._max_batch or not self._num_decoding or self._closed


def _fail(answers: list[Answer], error: Exception) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_exception(error)


def _hand_out(answers: list[Answer], probabilities: Probabilities) -> None:
    for answer, row in zip(answers, probabilities, strict=True):
        if not answer.done():
            answer.set_result(row)
