"""An S3 server on loopback: moto, in a venv of its own. It keeps objects in memory; stopping it forgets them."""

import urllib.error
import urllib.request
from pathlib import Path

from tools.cluster.process import pid_of, start, stop, wait
from tools.venv import install

HOST, PORT = "127.0.0.1", 19500
REQUIREMENTS = Path(__file__).with_name("s3.requirements.lock")


def up() -> dict[str, str]:
    """Start the server if it does not run, wait until it answers; return its address."""
    if not pid_of("s3"):
        start("s3", [str(install("s3", REQUIREMENTS) / "bin" / "moto_server"), "-H", HOST, "-p", str(PORT)])
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


def _answers() -> bool:
    """Ask for the list of buckets; a refusal is an answer too."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{PORT}/", timeout=10):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
