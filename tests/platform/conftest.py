"""One platform for all tests of it, with photos of three colours."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.photos import write_channels
from tests.platform.running import Platform


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_channels(tmp_path_factory.mktemp("channels"))


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = Platform(tmp_path_factory.mktemp("platform") / "home", "ready_made=shop")
    yield running
    running.end_everything()
