"""The thread that makes the world agree with the database: jobs, tuning jobs, endpoints, over and over."""

import logging
import threading

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pipelines.platform.config import PlatformConfig
from pipelines.platform.deployment import Deployments
from pipelines.platform.jobs import Jobs
from pipelines.platform.routes import Routes
from pipelines.platform.tuner import Tuner

PASS_SECONDS = 0.5


class Supervisor:
    """Runs until it is stopped; what it started goes on without it."""

    def __init__(self, config: PlatformConfig, engine: Engine, routes: Routes) -> None:
        """Make the parts."""
        self._engine = engine
        self._parts = (Tuner(), Jobs(config), Deployments(config, routes))
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Look at everything once, so that endpoints answer from the first request on, and begin the thread."""
        self.advance()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(PASS_SECONDS):
            self.advance()

    def advance(self) -> None:
        """Make one pass; what fails is logged, and tried again in the next."""
        for part in self._parts:
            try:
                with Session(self._engine) as session:
                    part.advance(session)
            except Exception:
                logging.getLogger(__name__).exception("%s: a pass failed", type(part).__name__)
