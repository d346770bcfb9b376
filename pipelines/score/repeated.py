"""Decide before Spark starts whether everything was scored already, by the same model."""

import datetime
import logging
from typing import Any

from pipelines import storage
from pipelines.dataset import load_manifest
from pipelines.ingest.sources import MAX_FILES, walk
from pipelines.model.bundle import load_bundle
from pipelines.publish import staging_uri
from pipelines.score.config import ScoreConfig
from pipelines.score.days import day_of, has_date, source_of
from pipelines.score.inputs import digest_of, identity_of, is_dataset
from pipelines.score.results import made_from, read_document, summarise

NO_PHOTOS = identity_of(0, 0)

Day = datetime.date | None  # None: everything, in a run that is not about days


class _LeaveToSpark(Exception):
    """There are too many files, or they are named by a table."""


def nothing_new(config: ScoreConfig) -> dict[str, Any] | None:
    """Return the run's summary where an earlier one has scored the same with the same model, else None."""
    days: list[Day] = [*config.days()] or [None]
    found = {day: read_document(config, day) for day in days}
    if not any(found.values()) or storage.exists(staging_uri(config.target)):
        return None
    try:
        identities = _identities(config)
    except _LeaveToSpark:
        return None
    model_id = load_bundle(config.model, config.trust_code).info.model_id
    for day, document in found.items():
        identity = identities.get(day, NO_PHOTOS)
        if document is None and (identity != NO_PHOTOS or day is None):
            return None
        if document and document.get("made_from") != made_from(config, identity, model_id):
            return None
    logging.getLogger(__name__).info("nothing new: %s has all of %s already", config.target, config.source)
    return summarise(config, [document for document in found.values() if document], num_scored=0)


def _identities(config: ScoreConfig) -> dict[Day, str]:
    """Return what is there to score, everything or by day, without Spark."""
    if not config.days():
        return {None: _identity(config.source)}
    if has_date(config.source):
        sources = {day: source_of(config.source, day) for day in config.days()}
        return {day: _identity(source) for day, source in sources.items() if storage.exists(source)}
    return _walk(config.source, by_day=True)


def _identity(source: str) -> str:
    if is_dataset(source):
        return load_manifest(source).dataset_id
    return _walk(source, by_day=False).get(None, NO_PHOTOS)


def _walk(source: str, *, by_day: bool) -> dict[Day, str]:
    """Join the digests of a folder's photos, of all or of those of each day."""
    if not storage.is_dir(source):
        raise _LeaveToSpark
    joined: dict[Day, tuple[int, int]] = {}
    for number, file in enumerate(walk(source)):
        if number == MAX_FILES:
            raise _LeaveToSpark
        if not file["skipped"]:
            day = day_of(file["modified_at"]) if by_day else None
            num_photos, digest = joined.get(day, (0, 0))
            joined[day] = num_photos + 1, digest ^ digest_of(file["uri"], file["size_bytes"], file["modified_at"])
    return {day: identity_of(*of_day) for day, of_day in joined.items()}
