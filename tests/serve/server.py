"""A real `darkroom serve`, as a user starts it."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import requests

from tests.command import finish, start


class Server(NamedTuple):
    """A running server."""

    url: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])


@contextmanager
def serving(model: str, *words: str, ready: bool = True) -> Iterator[Server]:
    """Start a server on a free port, wait until it says that it is ready, and stop it at the end."""
    process = start("serve", f"model={model}", "port=0", *words)
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        server = Server(json.loads(line)["url"], process)
        if ready:
            wait_until_ready(server)
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            finish(process)


def wait_until_ready(server: Server) -> None:
    """Ask /ping until it is 200."""
    deadline = time.monotonic() + 120
    while (answer := requests.get(f"{server.url}/ping", timeout=60)).status_code != 200:
        assert time.monotonic() < deadline and server.process.poll() is None, answer.text
        time.sleep(0.1)
