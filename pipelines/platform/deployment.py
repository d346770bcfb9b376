"""Run the workers of endpoints: `darkroom serve` processes on loopback. Each pass looks at what is there.

Workers lie in HOME/endpoints/NAME/GENERATION/VARIANT-NUMBER. A generation answers once all of its workers are ready;
then its predecessor's are let go, after the last request that they have.
"""

import logging
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipelines.platform.config import PlatformConfig
from pipelines.platform.endpoints import KIND
from pipelines.platform.process import LOG, OWNER, ask_to_end, kill, owner, start
from pipelines.platform.routes import Routes, Variant, Worker
from pipelines.platform.tables import Endpoint, Tag

READY_SECONDS = 300  # a worker that has not loaded its model after that has failed
END_SECONDS = 60  # a worker that was asked to end is killed after that
MAX_STARTS = 3  # of a worker that has never been ready
RESTART_SECONDS = 2  # between two starts of a worker


class Deployments:
    """The workers of all endpoints; what is in memory here may be lost with the platform."""

    def __init__(self, config: PlatformConfig, routes: Routes) -> None:
        """Begin without knowing of any."""
        self._config, self._routes = config, routes
        self._started: dict[Path, list[subprocess.Popen[bytes]]] = {}
        self._started_at: dict[Path, float] = {}
        self._ready: set[Path] = set()
        self._refusals: dict[Path, str] = {}
        self._ending: dict[Path, float] = {}

    def advance(self, session: Session) -> None:
        """Bring every endpoint a step nearer to what is desired."""
        for endpoint in session.scalars(select(Endpoint)).all():
            if endpoint.status == "Deleting":
                self._delete(session, endpoint)
            else:
                self._advance(endpoint)
            session.commit()

    def _advance(self, endpoint: Endpoint) -> None:
        live, desired = endpoint.live, endpoint.desired
        if live:
            self._keep(endpoint.name, live)
            self._route(endpoint.name, live)
        if endpoint.status in ("Creating", "Updating"):
            self._deploy(endpoint, desired)
        in_work = [endpoint.desired["generation"]] if endpoint.status in ("Creating", "Updating") else []
        kept = {endpoint.live.get("generation"), *in_work}
        for folder in self._generations(endpoint.name):
            if int(folder.name) not in kept:
                self._let_go(folder)

    def _deploy(self, endpoint: Endpoint, desired: dict[str, Any]) -> None:
        """Start the desired workers; switch over when all are ready, give up when one fails."""
        self._keep(endpoint.name, desired)
        workers = self._workers(endpoint.name, desired)
        if all(self._is_ready(folder) for folder in workers):
            endpoint.live, endpoint.status, endpoint.modified_at = desired, "InService", time.time()
            self._route(endpoint.name, desired)
            return
        late = time.time() > desired["began_at"] + READY_SECONDS
        failed = [folder for folder in workers if folder not in self._ready and (late or self._has_given_up(folder))]
        if failed:
            reason = self._refusals.get(failed[0]) or _last_words(failed[0] / LOG)
            endpoint.failure_reason = f"The worker {failed[0].name} did not become ready: {reason}"[:1024]
            endpoint.status, endpoint.modified_at = "InService" if endpoint.live else "Failed", time.time()

    def _has_given_up(self, folder: Path) -> bool:
        """Say whether a worker cannot load its model, or has ended as often as it was started."""
        started = self._started.get(folder, [])
        return folder in self._refusals or (len(started) > MAX_STARTS and started[-1].poll() is not None)

    def _keep(self, name: str, deployment: dict[str, Any]) -> None:
        """Start the workers that are missing, again those that have ended."""
        for folder, variant in self._workers(name, deployment).items():
            process = owner(folder)
            starting = self._started.get(folder)
            if (process and process.is_alive()) or (starting and starting[-1].poll() is None):
                continue
            if process:
                kill(process)
                (folder / OWNER).unlink()
            rested = time.time() > self._started_at.get(folder, 0.0) + RESTART_SECONDS
            if rested and (len(starting or []) <= MAX_STARTS or folder in self._ready):
                self._start(folder, variant)

    def _start(self, folder: Path, variant: dict[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = _free_port()
        self._started_at[folder] = time.time()
        settings = {"model": variant["model"], "port": port, "page": "false", "answer": "probabilities"}
        words = [f"{key}={value}" for key, value in settings.items()]
        logging.getLogger(__name__).info("starting %s on port %d", folder, port)
        command = [sys.executable, "-m", "pipelines.cli", "serve", *words]
        self._started.setdefault(folder, []).append(start(folder, command))

    def _is_ready(self, folder: Path) -> bool:
        """Ask a worker; one that says that it will never be ready is remembered with its reason."""
        port = _port(folder)
        if port is None:
            return False
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/ping", timeout=2.0)
        except httpx.HTTPError:
            return False
        if answer.status_code == 200:
            self._ready.add(folder)
        elif answer.status_code == 404 and not answer.json().get("retryable", True):
            self._refusals[folder] = answer.json()["message"]
        return answer.status_code == 200

    def _route(self, name: str, deployment: dict[str, Any]) -> None:
        """Tell the API where requests for the endpoint go."""
        variants = {given["name"]: Variant(given["name"], given["weight"], []) for given in deployment["variants"]}
        for folder, given in self._workers(name, deployment).items():
            if port := _port(folder):
                variants[given["name"]].workers.append(Worker(str(folder), port))
        self._routes.point(name, list(variants.values()))

    def _workers(self, name: str, deployment: dict[str, Any]) -> dict[Path, dict[str, Any]]:
        """Return the folder of every worker, with its variant."""
        folder = self._config.folder("endpoints", name, str(deployment["generation"]))
        return {
            folder / f"{variant['name']}-{number}": variant
            for variant in deployment["variants"]
            for number in range(variant["count"])
        }

    def _generations(self, name: str) -> list[Path]:
        return [folder for folder in self._config.folder("endpoints", name).glob("*") if folder.is_dir()]

    def _let_go(self, generation: Path) -> bool:
        """End the workers of a generation that have no request left; say whether all have ended."""
        for folder in list(generation.iterdir()):
            process = owner(folder)
            if process is None or not process.is_alive():
                if process:
                    kill(process)
                shutil.rmtree(folder)
                continue
            if self._routes.num_in_work(str(folder)) and folder not in self._ending:
                continue
            if folder not in self._ending:
                self._ending[folder] = time.time()
                ask_to_end(process)
            if time.time() > self._ending[folder] + END_SECONDS:
                kill(process)
        if any(generation.iterdir()):
            return False
        generation.rmdir()
        return True

    def _delete(self, session: Session, endpoint: Endpoint) -> None:
        self._routes.remove(endpoint.name)
        ended = [self._let_go(folder) for folder in self._generations(endpoint.name)]
        if all(ended):
            session.query(Tag).where(Tag.arn == self._config.arn(KIND, endpoint.name)).delete()
            session.delete(endpoint)


def _port(folder: Path) -> int | None:
    """Return the port that a worker was started with, None if it does not run."""
    process = owner(folder)
    if process is None or not process.is_alive():
        return None
    try:
        words = Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")
    except OSError:
        return None
    return next((int(word.removeprefix("port=")) for word in words if word.startswith("port=")), None)


def _free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last_words(log: Path) -> str:
    """Return the last line of a log that says something."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] if log.exists() else []
    return lines[-1] if lines else "its log is empty"
