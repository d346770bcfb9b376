"""The units for systemd and the lines for cron."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.cli import VERBS
from tests.command import HOME

INSTALLED = "/opt/darkroom/.venv/bin"
CRON = re.findall(r"^[*\d].*", (HOME / "conf" / "cron" / "darkroom").read_text(), re.MULTILINE)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this machine has no systemd")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for file in ("darkroom@.service", "darkroom@.timer"):
        text = (HOME / "conf" / "systemd" / file).read_text().replace(INSTALLED, str(Path(sys.executable).parent))
        (tmp_path / file).write_text(text)
    units = [str(tmp_path / f"darkroom@score_stream.{kind}") for kind in ("service", "timer")]
    checked = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_cron_lines_name_a_time_a_user_and_a_command() -> None:
    number = r"(\*(/\d+)?|\d+)"
    assert len(CRON) == 4
    assert all(re.match(rf"({number}\s+){{5}}darkroom\s+\S", line) for line in CRON)


def test_cron_starts_verbs_that_are_there() -> None:
    verbs = [verb for line in CRON for verb in re.findall(r"darkroom (\w+) /etc/darkroom/", line)]
    assert verbs == ["score_stream", "score", "ingest", "train", "drift"]
    assert set(verbs) <= set(VERBS)


@pytest.mark.parametrize("line", CRON)
def test_the_shell_understands_what_cron_hands_to_it(line: str, tmp_path: Path) -> None:
    """A program that prints its words stands for darkroom."""
    command = re.split(r"\s+", line, maxsplit=6)[6].replace(r"\%", "%").replace("/var/log/darkroom", str(tmp_path))
    (tmp_path / "darkroom").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "darkroom").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["/bin/sh", "-c", command], check=True, env={"PATH": path})
    (log,) = tmp_path.glob("*.log")
    said = log.read_text()
    assert re.fullmatch(r"(\w+ /etc/darkroom/\w+\.yaml( trigger=available_now| date=\d{4}-\d\d-\d\d)?\n)+", said), said
