"""Days of photos: in the path where it has one, else by the time of the last change. All in UTC."""

import datetime
import re

_DATE = re.compile(r"\{date(?::([^{}]+))?\}")


def has_date(source: str) -> bool:
    """Say whether a source has a place for the day: {date}, or with a format of its own {date:%Y/%m/%d}."""
    return _DATE.search(source) is not None


def source_of(source: str, day: datetime.date) -> str:
    """Return the source of one day."""
    return _DATE.sub(lambda found: day.strftime(found[1] or "%Y-%m-%d"), source)


def folder_above(source: str) -> str:
    """Return the folder that holds those of all days."""
    return source[: _DATE.search(source).start()].rpartition("/")[0] if has_date(source) else source  # type: ignore[union-attr]


def day_of(seconds: float) -> datetime.date:
    """Return the day of a time in seconds since 1970."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).date()
