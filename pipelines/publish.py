"""Make a finished run visible: results are written aside, then renamed; a killed rename is completed.

A target is a folder of tables (folders of Parquet files) and one document that says that it is whole.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pipelines import storage
from pipelines.lock import locked

STAGING = "_staging"
_PLAN = "moves.json"


def staging_uri(target: str) -> str:
    """Return the folder aside, where a run writes; readers of Parquet pass over its underscore."""
    return storage.join(target, STAGING)


@contextmanager
def staged(target: str) -> Iterator[str]:
    """Yield the folder aside for one run, the only one on this target; where it fails, nothing of it stays."""
    with locked(target):
        recover(target)
        staging = staging_uri(target)
        try:
            yield staging
        except Exception:
            if not storage.exists(storage.join(staging, _PLAN)):
                storage.remove(staging)
            raise


def recover(target: str) -> bool:
    """Complete what a killed run was about to publish, delete what it had not finished."""
    plan = storage.join(staging_uri(target), _PLAN)
    if unfinished := storage.exists(plan):
        _move(target, storage.read_json(plan))
        storage.remove(plan)  # first: without all of its files the plan must not be followed again
    storage.remove(staging_uri(target))
    return unfinished


def publish(target: str, tables: list[str], documents: list[str], *, run: int, append: bool) -> None:
    """Move staged tables and documents to the target, documents last.

    A table that is not there yet appears by one rename. Without `append`, an old one is replaced.
    """
    staging = staging_uri(target)
    moves: list[tuple[str, str]] = []
    for table in tables:
        _name_files(storage.join(staging, table), run)
        if append and storage.exists(storage.join(target, table)):
            moves += [(file, file) for file in _files(staging, table)]
        elif storage.exists(storage.join(staging, table)):
            moves.append((table, table))
    moves += [(document, document) for document in documents]
    move_staged(target, moves, replaced=() if append else tables)


def move_staged(target: str, moves: Sequence[tuple[str, str]], *, replaced: Sequence[str] = ()) -> None:
    """Move what is staged to its places in the target, in this order; once it is decided it will be completed.

    What is there already at one of the places `replaced` goes first.
    """
    storage.write_json(storage.join(staging_uri(target), _PLAN), {"moves": moves, "replaced": list(replaced)})
    recover(target)


def _move(target: str, plan: dict[str, Any]) -> None:
    staging = staging_uri(target)
    for source, place in plan["moves"]:
        staged = storage.join(staging, source)
        if not storage.exists(staged):
            continue
        if place in plan["replaced"]:
            storage.remove(storage.join(target, place))
        storage.place(staged, storage.join(target, place))


def _files(staging: str, table: str) -> list[str]:
    """Return the Parquet files of a staged table, as paths below the staging folder."""
    found = []
    for name in storage.names(storage.join(staging, table)):
        path = f"{table}/{name}"
        if storage.is_dir(storage.join(staging, path)):
            found += _files(staging, path)
        elif name.endswith(".parquet"):
            found.append(path)
    return found


def _name_files(table_uri: str, run: int) -> None:
    """Name Spark's part files for the run and their number alone, so that a repeated run agrees.

    Those that have such a name already stay.
    """
    staging, _, table = table_uri.rpartition("/")
    for path in _files(staging, table):
        folder, _, name = path.rpartition("/")
        if name.startswith(f"part-{run:03d}-"):
            continue
        number = name.split("-")[1]
        storage.replace(storage.join(staging, path), storage.join(staging, folder, f"part-{run:03d}-{number}.parquet"))
