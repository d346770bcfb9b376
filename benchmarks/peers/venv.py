"""The venv of the frameworks that darkroom is measured against, and how their scripts are run."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.photos import CACHE
from benchmarks.results import say

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


def run(script: str, *words: object, python: Path | None = None) -> dict[str, Any]:
    """Run benchmarks/peers/SCRIPT.py and return the JSON object of its last line."""
    command = [str(python or install()), str(HERE / f"{script}.py"), *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}  # their worker processes import our decoder
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
