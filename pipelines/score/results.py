"""Where a run's results lie, everything or one day, and the document that says what they were made from."""

import datetime
from typing import Any

from pipelines import __version__, storage
from pipelines.score.config import ScoreConfig

TABLES = ("predictions", "rejects")
DAYS = "days"
COUNTS = ("inputs", "predicted", "rejected", "skipped")


def tables_of(day: datetime.date | None) -> list[str]:
    """Return the tables of a run, or a day's own partitions of them."""
    return [f"{table}/date={day}" if day else table for table in TABLES]


def document_of(day: datetime.date | None) -> str:
    """Return the document that says that the tables are whole."""
    return f"{DAYS}/{day}.json" if day else "score.json"


def made_from(config: ScoreConfig, identity: str, model_id: str) -> dict[str, Any]:
    """Return all that decides about a result: with the same again, it would be the same."""
    decisive = {"inputs_id": identity, "model_id": model_id, "engine": config.engine, "top_k": config.top_k}
    return {**decisive, "code_version": __version__}


def read_document(config: ScoreConfig, day: datetime.date | None) -> dict[str, Any] | None:
    """Return what an earlier run says of its result; None without one, or where its tables are gone."""
    try:
        document: dict[str, Any] = storage.read_json(storage.join(config.target, document_of(day)))
    except FileNotFoundError:
        return None
    whole = all(storage.exists(storage.join(config.target, table)) for table in tables_of(day))
    return document if whole else None


def summarise(config: ScoreConfig, documents: list[dict[str, Any]], num_scored: int) -> dict[str, Any]:
    """Return what the job prints: the results that are there now, of which this run has made `num_scored`."""
    summary: dict[str, Any] = {key: sum(document[key] for document in documents) for key in COUNTS}
    if days := config.days():
        summary["days"] = {
            "scored": num_scored,
            "unchanged": len(documents) - num_scored,
            "without_photos": len(days) - len(documents),
        }
    about = documents[-1] if documents else {}
    summary |= {key: about[key] for key in ("engine", "precision", "model_id") if key in about}
    outputs = {table: storage.join(config.target, table) for table in TABLES}
    return {**summary, "nothing_new": not num_scored, **outputs}
