"""Follow a training epoch by epoch, and end it where its figures are bad."""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optuna.trial import Trial

from pipelines import storage
from pipelines.errors import DarkroomError
from pipelines.train.trainer import STOP

LOOK_SECONDS = 1.0


def tell(trial: Trial, step: int, figure: float) -> None:
    """Give the search a figure of a trial that goes on; one that it knows already, of before a kill, stays."""
    known = trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values
    if step not in known:
        trial.report(figure, step)


@contextmanager
def followed(trial: Trial, run_uri: str, metric: str) -> Iterator[None]:
    """Tell the search the metric of each epoch of a training; what should be pruned is asked to stop."""
    finished = threading.Event()
    thread = threading.Thread(target=_follow, args=(trial, run_uri, metric, finished), daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _follow(trial: Trial, run_uri: str, metric: str, finished: threading.Event) -> None:
    """Look once a second, and once more at the end; a storage that is away for a moment does not matter."""
    last_look = False
    while not last_look:
        last_look = finished.wait(LOOK_SECONDS)
        with contextlib.suppress(DarkroomError):
            for report in _history(run_uri):
                if isinstance(figure := report.get(metric), float):
                    tell(trial, report["epoch"] + 1, figure)
            if not last_look and trial.should_prune():
                storage.write_bytes(storage.join(run_uri, STOP), b"")


def _history(run_uri: str) -> list[dict[str, Any]]:
    try:
        history: list[dict[str, Any]] = storage.read_json(storage.join(run_uri, "metrics.json"))
    except FileNotFoundError:
        return []
    return history
