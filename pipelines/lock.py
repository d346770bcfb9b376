"""One run at a time for a folder: the others are refused, and a dead run's lock is taken over."""

import contextlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

from pipelines import storage
from pipelines.errors import DarkroomError

NAME = "_lock"
BEAT_SECONDS = 5.0
DEAD_SECONDS = 30.0  # without a beat, a run on another machine counts as dead


@contextlib.contextmanager
def locked(folder: str) -> Iterator[None]:
    """Hold the folder for the block.

    Raises:
        DarkroomError: another run holds it, and is alive.
    """
    uri, owner = storage.join(folder, NAME), {"id": uuid.uuid4().hex, "host": socket.gethostname(), "pid": os.getpid()}
    while not storage.create(uri, _beat(owner)):
        _wait_until_dead(uri, folder)
        storage.remove(uri)
    finished = threading.Event()
    thread = threading.Thread(target=_keep, args=(uri, owner, finished), daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
        storage.remove(uri)
        if not storage.names(folder):
            storage.remove(folder)


def _beat(owner: dict[str, Any]) -> dict[str, Any]:
    return {**owner, "beat": time.time()}


def _keep(uri: str, owner: dict[str, Any], finished: threading.Event) -> None:
    """Show that this run lives; a storage that is away for a moment is not this thread's to report."""
    while not finished.wait(BEAT_SECONDS):
        with contextlib.suppress(DarkroomError):
            storage.write_json(uri, _beat(owner))


def _wait_until_dead(uri: str, folder: str) -> None:
    """Return when the holder is known to be gone: at once on its own machine, else after 30 s without a beat."""
    deadline = time.monotonic() + DEAD_SECONDS
    first = _read(uri)
    while first and time.monotonic() < deadline:
        if first["host"] == socket.gethostname() and not os.path.exists(f"/proc/{first['pid']}"):
            return
        time.sleep(0.5)
        now = _read(uri)
        if now and now != first:
            raise DarkroomError(
                f"{folder} is being written by another run (process {now['pid']} on {now['host']}); "
                "wait until it has ended, or use another target"
            )
        first = now


def _read(uri: str) -> dict[str, Any] | None:
    try:
        holder: dict[str, Any] = storage.read_json(uri)
    except (FileNotFoundError, ValueError):
        return None
    return holder
