"""The venv of the frameworks that darkroom is measured against, and how their scripts are run."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.photos import CACHE
from benchmarks.results import say
from benchmarks.turns import Ceiling, seconds_of
from pipelines.train.world import KEEP_FREED_MEMORY

HERE = Path(__file__).parent
LOCK = HERE.parent / "peers.requirements.lock"
VENV = CACHE.parent / "peers-venv"


def install() -> Path:
    """Make the venv from its hashed lock file, once; return its Python."""
    stamp = VENV / ".installed"
    if not stamp.exists() or stamp.read_bytes() != LOCK.read_bytes():
        say(f"installing the peers into {VENV}")
        uv = shutil.which("uv") or str(CACHE.parent / "uv" / "bin" / "uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", "3.11", str(VENV)], check=True)
        sync = [
            uv,
            "--no-config",
            "pip",
            "sync",
            "--quiet",
            "--compile-bytecode",
            "--python",
            str(VENV),
            "--require-hashes",
            str(LOCK),
        ]
        subprocess.run(sync, check=True)
        stamp.write_bytes(LOCK.read_bytes())
    return VENV / "bin" / "python"


def run(script: str, *words: object) -> dict[str, Any]:
    """Run benchmarks/peers/SCRIPT.py and return the JSON object of its last line."""
    return finish(start(script, words, install()))


def rate(ceiling: Ceiling, script: str, *words: object, python: Path | None = None) -> float:
    """Run a script in turns with the ceiling; return its images a second, without the ceiling's turns.

    Its last line has `runs`: number of images, start and end by time.perf_counter() of each. The last counts; where
    there are two, without what it has in common with the first.
    """
    job = start(script, words, python or install())
    with ceiling.beside(job.pid) as pauses:
        runs = finish(job)["runs"]
    numbers, seconds = zip(*((number, seconds_of(start, end, pauses)) for number, start, end in runs), strict=True)
    return numbers[0] / seconds[0] if len(runs) == 1 else (numbers[1] - numbers[0]) / (seconds[1] - seconds[0])


def start(script: str, words: Sequence[object], python: Path) -> "subprocess.Popen[str]":
    """Start a script and return at once."""
    command = [str(python), str(HERE / f"{script}.py"), *map(str, words)]
    # Their worker processes import our decoder, and keep their memory as darkroom's training does.
    environment = {**KEEP_FREED_MEMORY, **os.environ, "PYTHONPATH": str(HERE.parents[1])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(job: "subprocess.Popen[str]") -> dict[str, Any]:
    """Wait for a script and return the JSON object of its last line."""
    output, errors = job.communicate()
    if job.returncode:
        raise SystemExit(f"{job.args} failed:\n{errors[-3000:]}")
    answer: dict[str, Any] = json.loads(output.splitlines()[-1])
    return answer
