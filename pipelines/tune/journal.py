"""Optuna's journal on any storage: one JSON line for each thing that happened, as Optuna's own file has it."""

import json
from collections.abc import Iterable
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from pipelines import storage


class StoredJournal(BaseJournalBackend):
    """A journal with one writer, whose run holds the folder's lock.

    The file is written as a whole each time, for storages that cannot append; a kill leaves the old one or the new.
    """

    def __init__(self, uri: str) -> None:
        """Read what an earlier run has written."""
        self._uri = uri
        self._lines = storage.read_bytes(uri).splitlines() if storage.exists(uri) else []

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Return what happened, from this number on."""
        return [json.loads(line) for line in self._lines[log_number_from:]]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write down what happened."""
        self._lines += [json.dumps(log, separators=(",", ":")).encode() for log in logs]
        storage.write_bytes(self._uri, b"\n".join(self._lines) + b"\n")
