"""Open the database, brought to this version's tables."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from pipelines.errors import ConfigError

MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(url: str) -> Engine:
    """Connect, and run the migrations that this database has not seen.

    Raises:
        ConfigError: there is no such database, or its driver is missing.
    """
    try:
        engine = create_engine(url)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _set_up_sqlite)
        with engine.begin() as connection:
            migrations = Config()
            migrations.set_main_option("script_location", str(MIGRATIONS))
            migrations.attributes["connection"] = connection
            command.upgrade(migrations, "head")
    except ModuleNotFoundError as error:
        raise ConfigError(f"database={_shown(url)}: {error}; install darkroom[postgres]") from error
    except OperationalError as error:
        raise ConfigError(f"database={_shown(url)} cannot be used: {error.orig}") from error
    except SQLAlchemyError as error:
        raise ConfigError(f"database={_shown(url)} is no URL of SQLAlchemy: {error}") from error
    return engine


def _set_up_sqlite(connection: Any, _: Any) -> None:
    """Let readers and one writer work at once; a second writer waits."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _shown(url: str) -> str:
    """Return a URL without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "…"
