"""Tools whose packages do not go with darkroom's: each in a venv of its own in the user's cache."""

import shutil
import subprocess
from pathlib import Path

from tools.cluster.process import CACHE


def install(name: str, requirements: Path) -> Path:
    """Return the folder of the venv `name`, made anew where it does not have what the hashed lock file says."""
    venv = CACHE / f"{name}-venv"
    stamp = venv / "requirements.lock"
    if stamp.exists() and stamp.read_bytes() == requirements.read_bytes():
        return venv
    uv = shutil.which("uv") or str(CACHE.parent / "uv" / "bin" / "uv")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", "3.11", str(venv)], check=True)
    sync = [uv, "pip", "sync", "--quiet", "--python", str(venv / "bin" / "python"), "--require-hashes"]
    subprocess.run([*sync, str(requirements)], check=True)
    shutil.copy(requirements, stamp)
    return venv
