"""An endpoint under load: 32 clients for a minute, against the engine's forward pass alone on the same cores.

The clients share the machine with the server. The forward pass takes the same photos, decoded beforehand, in batches of
16, before and after the server. Also measured: one client alone, and clients at half of the rate that 32 reached. With
every core busy, 32 clients that wait for their answers cannot see less than 32 / rate seconds, whatever a server does.
"""

import argparse
import asyncio
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import requests
import simplejpeg
import torch

from benchmarks.results import append, say
from pipelines.model.bundle import load_bundle
from pipelines.model.engines import open_engine
from pipelines.model.preprocess import from_bytes, stack
from pipelines.ready_made.bundle import write_ready_made

BATCH = 16


class Load(NamedTuple):
    """What clients saw: seconds of every answer, and answers that were not 200."""

    seconds: list[float]
    num_errors: int
    wall_seconds: float

    @property
    def rate(self) -> float:
        """Return answers a second."""
        return len(self.seconds) / self.wall_seconds

    def quantile_ms(self, quantile: float) -> float:
        """Return milliseconds that this share of the answers took at most."""
        return round(float(np.quantile(self.seconds, quantile)) * 1000, 1)


def main() -> None:
    """Measure and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="", help="folder label/photo.jpg; made photos by default")
    parser.add_argument("--model", default="", help="a bundle; the ready-made ImageNet model by default")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--settings", nargs="*", default=[], help="of serve, as in workers=2")
    words = parser.parse_args()
    found = sorted(Path(words.images).rglob("*.jpg")) if words.images else []
    bodies = [file.read_bytes() for file in found[:: max(1, len(found) // 400)]] or made()
    with tempfile.TemporaryDirectory() as folder:
        model = words.model or write_ready_made(f"file://{folder}/imagenet").uri
        with serving(model, words.settings) as (url, process):
            engine = requests.get(f"{url}/metrics", timeout=60).text.split('engine="')[1].split('"')[0]
            asyncio.run(load(url, bodies, 4, 3))
            alone = asyncio.run(load(url, bodies, 1, 5))
        forwards = [forward(model, engine, bodies)]
        with serving(model, words.settings) as (url, process):
            asyncio.run(load(url, bodies, words.clients, 3))
            before, cpu_before = memory_mib(process), cpu_seconds(process)
            full = asyncio.run(load(url, bodies, words.clients, words.seconds))
            cpu_ms = (cpu_seconds(process) - cpu_before) / len(full.seconds) * 1000
            half = asyncio.run(load(url, bodies, words.clients, words.seconds / 4, rate=full.rate / 2))
            grown = memory_mib(process) - before
        forwards.append(forward(model, engine, bodies))
    say(f"full {full.rate:.0f}/s, forward passes {forwards}, alone {alone.quantile_ms(0.5)} ms")
    ceiling, forward_cpu_ms = (sum(values) / len(values) for values in zip(*forwards, strict=True))
    facts = {
        "ratio_to_ceiling": round(full.rate / ceiling, 3),
        "ratio_to": {},
        "images_per_second": {"ceiling": round(ceiling, 1), "darkroom": round(full.rate, 1)},
        "images": len(full.seconds),
        "clients": words.clients,
        "seconds": words.seconds,
        "errors": full.num_errors + half.num_errors + alone.num_errors,
        "engine": engine,
        "settings": words.settings,
        "alone_p50_ms": alone.quantile_ms(0.5),
        "p50_ms": full.quantile_ms(0.5),
        "p99_ms": full.quantile_ms(0.99),
        "least_mean_ms": round(words.clients / ceiling * 1000, 1),
        "half_rate_p50_ms": half.quantile_ms(0.5),
        "half_rate_p99_ms": half.quantile_ms(0.99),
        "grown_mib": round(grown),
        "cpu_ms_per_image": {"forward": round(forward_cpu_ms, 2), "server": round(cpu_ms, 2)},
    }
    append("serve", facts, command="python -m benchmarks.serve")


def made() -> list[bytes]:
    """Make photos of 400 x 533 px: patches of colour with grain, about 30 KB each."""
    chance = np.random.default_rng(0)
    patches = [np.kron(chance.integers(30, 220, (13, 10, 3)), np.ones((41, 40, 1))) for _ in range(100)]
    grainy = [np.clip(patch + chance.normal(0, 8, patch.shape), 0, 255).astype(np.uint8) for patch in patches]
    return [simplejpeg.encode_jpeg(pixels, quality=85) for pixels in grainy]


@contextmanager
def serving(model: str, settings: list[str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start a server as a user does, and stop it at the end."""
    command = [str(Path(sys.executable).parent / "darkroom"), "serve", f"model={model}", "port=0", *settings]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        url = json.loads(process.stdout.readline())["url"]
        while requests.get(f"{url}/ping", timeout=60).status_code != 200:
            time.sleep(0.1)
        yield url, process
    finally:
        process.terminate()
        process.wait(60)


def memory_mib(process: subprocess.Popen[str]) -> float:
    """Return the resident memory of the server and its workers."""
    parent = psutil.Process(process.pid)
    return sum(one.memory_info().rss for one in [parent, *parent.children(recursive=True)]) / 2**20


def cpu_seconds(process: subprocess.Popen[str]) -> float:
    """Return the time that cores spent on the server and its workers; other load of the machine does not count."""
    parent = psutil.Process(process.pid)
    times = [one.cpu_times() for one in [parent, *parent.children(recursive=True)]]
    return sum(one.user + one.system for one in times)


def forward(model: str, engine: str, bodies: list[bytes]) -> tuple[float, float]:
    """Run the engine alone for ten seconds with all cores: images a second, and a core's milliseconds an image."""
    bundle = load_bundle(model)
    num_threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(num_threads)
    network = open_engine(bundle, engine, num_threads)
    pixels = [from_bytes(body, bundle.info.preprocessing) for body in bodies[: 4 * BATCH]]
    batches = [stack(pixels[start : start + BATCH]) for start in range(0, len(pixels), BATCH)]
    network.predict(batches[0])
    num_images, started, cpu_started = 0, time.perf_counter(), time.process_time()
    for batch in itertools.cycle(batches):
        network.predict(batch)
        num_images += len(batch)
        if (seconds := time.perf_counter() - started) > 10:
            return num_images / seconds, (time.process_time() - cpu_started) / num_images * 1000
    raise AssertionError("no batches")


async def load(url: str, bodies: list[bytes], num_clients: int, seconds: float, rate: float = 0) -> Load:
    """Let clients send photos one after the other; with `rate`, all together so many a second, evenly."""
    host, port = url.removeprefix("http://").rsplit(":", 1)
    started = time.perf_counter()
    took: list[float] = []
    errors: list[Any] = []
    turns = itertools.count()

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for body in itertools.islice(itertools.cycle(bodies), number * 7, None):
            due = started + next(turns) / rate if rate else time.perf_counter()
            if due > started + seconds or time.perf_counter() > started + seconds:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(
                b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b"
                % (len(body), body)
            )
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
            answer = await reader.readexactly(length)
            took.append(time.perf_counter() - due)
            if not head.startswith(b"HTTP/1.1 200"):
                errors.append(answer)
        writer.close()

    await asyncio.gather(*(client(number) for number in range(num_clients)))
    if errors:
        say(f"{len(errors)} errors, the first: {errors[0]}")
    return Load(took, len(errors), time.perf_counter() - started)


if __name__ == "__main__":
    main()
