"""Pages of a list: filters, order, and a token for the next page that later rows do not shift."""

import base64
import json
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from pipelines.platform.call import Call, Row
from pipelines.platform.errors import refused

PAGE_ROWS = 10  # where a request does not say MaxResults
_LOWEST = -1e308  # rows without the number that is sorted by come first


def page(
    call: Call, table: type[Row], *, sort_by: str = "CreationTime", order: str = "Ascending", where: Any = ()
) -> tuple[list[Row], str | None]:
    """Return the rows that a List request asks for, and the token of the next page."""
    request: dict[str, Any] = call.request
    column = _column(table, request.get("SortBy", sort_by))
    rows = select(table).where(*where, *_filters(table, request))
    ascending = request.get("SortOrder", order) == "Ascending"
    place = tuple_(column, table.name)
    if token := request.get("NextToken"):
        value = tuple_(*_read(token))
        rows = rows.where(place > value if ascending else place < value)
    found = _fetch(call, rows, [column, table.name], ascending, request.get("MaxResults", PAGE_ROWS))
    last = found[-2] if len(found) > request.get("MaxResults", PAGE_ROWS) else None
    kept = found if last is None else found[:-1]
    return [row[0] for row in kept], _write([last[1], last[0].name]) if last is not None else None


def _fetch(call: Call, rows: Select[Any], columns: list[Any], ascending: bool, count: int) -> list[Any]:
    """Return one row more than a page, each with the value that it is sorted by."""
    ordered = [column.asc() if ascending else column.desc() for column in columns]
    return list(call.session.execute(rows.add_columns(columns[0]).order_by(*ordered).limit(count + 1)).all())


def _column(table: Any, sort_by: str) -> ColumnElement[Any]:
    columns: dict[str, Any] = {"Name": table.name, "CreationTime": table.created_at}
    if sort_by == "FinalObjectiveMetricValue":
        return func.coalesce(table.objective, _LOWEST)
    found: InstrumentedAttribute[Any] = columns[sort_by] if sort_by in columns else table.status
    return found.expression


def _filters(table: Any, request: dict[str, Any]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if part := request.get("NameContains"):
        found.append(table.name.contains(part, autoescape=True))
    if status := request.get("StatusEquals"):
        found.append(table.status == status)
    for key, column in (("CreationTime", "created_at"), ("LastModifiedTime", "modified_at")):
        if (after := request.get(f"{key}After")) is not None:
            found.append(getattr(table, column) > after)
        if (before := request.get(f"{key}Before")) is not None:
            found.append(getattr(table, column) < before)
    return found


def _write(place: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _read(token: str) -> list[Any]:
    try:
        value, name = json.loads(base64.urlsafe_b64decode(token))
        if isinstance(value, str | float | int) and isinstance(name, str):
            return [value, name]
    except ValueError:
        pass
    raise refused("NextToken is not one that this platform gave")
