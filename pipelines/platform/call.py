"""One request of a client: what it asks, and what all handlers need to answer it."""

from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.model import OperationModel
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pipelines.platform.config import PlatformConfig
from pipelines.platform.errors import in_use, not_found
from pipelines.platform.protocol import chosen
from pipelines.platform.tables import Resource, Tag

Row = TypeVar("Row", bound=Resource)


@dataclass(frozen=True)
class Call:
    """A request that fits its operation's shape, with the database open for it."""

    operation: OperationModel
    request: dict[str, Any]
    session: Session
    config: PlatformConfig

    def find(self, table: type[Row], name: str, kind: str) -> Row:
        """Return a row by its name.

        Raises:
            ApiError: there is none; with the code that the operation has for it.
        """
        row = self.session.get(table, name)
        if row is None:
            raise not_found(self.operation, f"Could not find {kind} {name!r}")
        return row

    def add(self, row: Resource, kind: str) -> str:
        """Store a new row and its tags; return its ARN.

        Raises:
            ApiError: the name is taken.
        """
        arn = self.config.arn(kind, row.name)
        try:
            with self.session.begin_nested():
                self.session.add(row)
        except IntegrityError as error:
            raise in_use(self.operation, f"{kind} names are unique, and {row.name!r} is taken ({arn})") from error
        for tag in self.request.get("Tags", []):
            self.session.merge(Tag(arn=arn, key=tag["Key"], value=tag["Value"]))
        return arn

    def remove(self, row: Resource, kind: str) -> None:
        """Delete a row and its tags."""
        self.session.execute(delete(Tag).where(Tag.arn == self.config.arn(kind, row.name)))
        self.session.delete(row)

    def repeated(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return what an earlier request said that this answer repeats."""
        return chosen(self.operation, request)
