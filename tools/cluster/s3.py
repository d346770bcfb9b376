"""An S3 server on loopback: moto, in a venv of its own. It keeps objects in memory; stopping it forgets them."""

import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from tools.cluster.process import CACHE, pid_of, start, stop, wait

HOST, PORT = "127.0.0.1", 19500
REQUIREMENTS = Path(__file__).with_name("s3.requirements.lock")
VENV = CACHE / "s3-venv"


def up() -> dict[str, str]:
    """Start the server if it does not run, wait until it answers; return its address."""
    if not pid_of("s3"):
        start("s3", [str(_install() / "bin" / "moto_server"), "-H", HOST, "-p", str(PORT)])
    wait("S3", _answers, ["s3"])
    return addresses()


def down() -> None:
    """Stop the server."""
    stop("s3")


def addresses() -> dict[str, str]:
    """Return what a client needs; the server takes any credentials, yet clients insist on having some."""
    return {
        "AWS_ENDPOINT_URL": f"http://{HOST}:{PORT}",
        "credentials": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (any values)",
    }


def status() -> dict[str, str]:
    """Say whether it runs."""
    return {"s3": "up" if pid_of("s3") else "down"}


def _install() -> Path:
    stamp = VENV / "requirements.lock"
    if stamp.exists() and stamp.read_bytes() == REQUIREMENTS.read_bytes():
        return VENV
    uv = shutil.which("uv") or str(CACHE.parent / "uv" / "bin" / "uv")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", "3.11", str(VENV)], check=True)
    install = [uv, "pip", "sync", "--quiet", "--python", str(VENV / "bin" / "python"), "--require-hashes"]
    subprocess.run([*install, str(REQUIREMENTS)], check=True)
    shutil.copy(REQUIREMENTS, stamp)
    return VENV


def _answers() -> bool:
    """Ask for the list of buckets; a refusal is an answer too."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{PORT}/", timeout=10):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
