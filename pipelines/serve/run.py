"""Serve: listen, answer until SIGTERM, finish what is in work."""

import functools
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from pipelines.errors import ConfigError
from pipelines.job import log_to_stderr
from pipelines.model.bundle import load_bundle
from pipelines.serve.app import make_app
from pipelines.serve.config import ServeConfig
from pipelines.serve.protocol import LimitedProtocol

LOOPBACK = ("127.0.0.1", "::1", "localhost")
KEEP_ALIVE_SECONDS = 75  # longer than a proxy keeps its idle connections, so that the proxy closes them first
WORKER_SECONDS = 120  # one that is silent for longer is replaced; importing torch from a cold disk is silence


def serve(config: ServeConfig) -> dict[str, Any]:
    """Answer requests until SIGTERM or Ctrl-C; requests in work are finished.

    The first line on stdout is a JSON object with the address, written as soon as connections are accepted.

    Raises:
        ConfigError, DataError: there is no bundle, it is damaged, or the port cannot be had.
    """
    model_id = load_bundle(config.model, config.trust_code).info.model_id
    listening = _listen(config)
    host, port = listening.getsockname()[:2]
    if config.host not in LOOPBACK:
        logging.getLogger(__name__).warning(
            "host=%s: whoever reaches port %d is answered, nobody signs in; put a proxy before it", config.host, port
        )
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    with listening, tempfile.TemporaryDirectory(prefix="darkroom-serve-") as folder:
        run = _server(config, listening, folder)
        sys.stdout.write(json.dumps({"job": "serve", "url": url, "model_id": model_id, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()
        run()
    return {"url": url, "model_id": model_id}


def _listen(config: ServeConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on host={config.host} port={config.port}: {error.strerror or error}"
        ) from error


def _server(config: ServeConfig, listening: socket.socket, folder: str) -> Callable[[], None]:
    """Return what runs until a signal comes; from here on one stops it in good order.

    `folder` is for the counters that several workers share.
    """
    settings = uvicorn.Config(
        functools.partial(_app_of_worker, config),
        factory=True,
        http=LimitedProtocol,
        ws="none",
        lifespan="on",
        workers=config.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(config.timeout_seconds) + 1,
        timeout_worker_healthcheck=WORKER_SECONDS,
    )
    if config.workers > 1:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # how prometheus_client is told to share
        return Multiprocess(settings, sockets=[listening]).run
    server = uvicorn.Server(settings)
    # uvicorn has handlers of its own while it runs; when it has stopped it sends itself the signal again.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: setattr(server, "should_exit", True))
    return lambda: server.run(sockets=[listening])


def _app_of_worker(config: ServeConfig) -> FastAPI:
    """Make the app in the process that runs it; one of several starts without any logging."""
    log_to_stderr()
    return make_app(config)
