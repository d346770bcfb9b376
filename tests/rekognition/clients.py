"""boto3 as users have it, and a server for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import simplejpeg

from pipelines.ready_made.bundle import write_ready_made
from tests.serve.server import Server, serving


@contextmanager
def ready_made(folder: Path) -> Iterator[Server]:
    """Serve the ready-made model."""
    with serving(write_ready_made(f"file://{folder}/imagenet").uri, "engine=openvino") as server:
        yield server


def client_of(server: Server) -> Any:
    """Return a client of Rekognition that knows nothing but another address."""
    return boto3.client(
        "rekognition",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=boto3.session.Config(retries={"total_max_attempts": 1}),
    )


def striped() -> bytes:
    """Return a JPEG with a pattern that a network has an opinion of."""
    y, x = np.mgrid[0:300, 0:400]
    pixels = np.stack([(x // 20 % 2) * 255, (y // 30 % 2) * 200, 0 * x + 40], axis=-1).astype(np.uint8)
    return bytes(simplejpeg.encode_jpeg(pixels, quality=90))
