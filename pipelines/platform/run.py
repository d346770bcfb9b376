"""Start the platform: the lock on its home, the database, the supervisor's thread, the API."""

import fcntl
import json
import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from pipelines.errors import ConfigError
from pipelines.platform.api import Api
from pipelines.platform.config import PlatformConfig
from pipelines.platform.database import open_database
from pipelines.platform.keys import open_vault
from pipelines.platform.routes import Routes
from pipelines.platform.supervisor import Supervisor

BACKLOG = 1024
END_SECONDS = 30  # requests in work at SIGTERM have this long


def platform(config: PlatformConfig) -> dict[str, Any]:
    """Serve until SIGTERM or SIGINT. Jobs and endpoints run on meanwhile, and are found again by the next start.

    Raises:
        ConfigError: another platform has this home, the port is taken, or the database cannot be used.
    """
    home = Path(config.home)
    vault = open_vault(home)
    with _alone(home):
        engine = open_database(config.database_url())
        listener = _listen(config)
        routes = Routes()
        supervisor = Supervisor(config, engine, routes)
        supervisor.start()
        url = f"http://{config.host}:{listener.getsockname()[1]}"
        logging.getLogger(__name__).info("serving on %s, auth=%s", url, str(config.auth).lower())
        sys.stdout.write(json.dumps({"url": url}) + "\n")
        sys.stdout.flush()
        app = Api(config, engine, vault, routes).app()
        settings = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=END_SECONDS)
        uvicorn.Server(settings).run(sockets=[listener])
        supervisor.stop()
    return {"url": url}


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the home: of two platforms one would start the other's jobs again."""
    with (home / "platform.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"home={home} belongs to a platform that runs; stop it, or use another home") from error
        yield


def _listen(config: PlatformConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(BACKLOG)  # from here on clients wait instead of being refused
    except OSError as error:
        raise ConfigError(f"cannot listen on host={config.host} port={config.port}: {error.strerror}") from error
    return listener
