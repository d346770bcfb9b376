"""Whatever is sent, the server answers as documented, never 500, and does not grow."""

import io
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from PIL import Image

from tests.bundles import write_bundle
from tests.photos import write_photos
from tests.serve.server import Server, serving

SEED = 20
DOCUMENTED = {200, 400, 413, 415, 422, 429, 431}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("fuzz")
    write_bundle(work / "model")
    write_photos(work / "photos", 1)
    return work


@pytest.fixture(scope="module")
def server(work: Path) -> Iterator[Server]:
    limits = ("max_body_bytes=1000000", "timeout_seconds=2")
    with serving(f"{work}/model", "engine=openvino", *limits) as server:
        yield server


def seeds(work: Path) -> list[bytes]:
    """One small file of each format."""
    photo = Image.open(work / "photos" / "red" / "000.jpg")
    files = [(work / "photos" / "red" / "000.jpg").read_bytes()]
    for name in ("PNG", "GIF", "BMP", "WEBP", "TIFF", "JPEG2000"):
        photo.save(file := io.BytesIO(), name)
        files.append(file.getvalue())
    return files


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Cut, flip, repeat or insert bytes."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(changed) or 1)
        match chance.randrange(5):
            case 0:
                del changed[place : place + chance.randint(1, 200)]
            case 1:
                changed[place : place + 1] = bytes([chance.randrange(256)])
            case 2:
                changed[place:place] = chance.randbytes(chance.randint(1, 50))
            case 3:
                changed[place:place] = changed[place : place + 300]
            case 4:
                changed[place : place + 4] = b"\xff\xff\xff\xff"
    return bytes(changed)


def memory_mib(server: Server) -> float:
    return float(psutil.Process(server.process.pid).memory_info().rss) / 2**20


def test_requests_made_from_the_openapi_document_get_documented_answers(server: Server, work: Path) -> None:
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    words = ["--checks", checks, "--max-examples", "60", "--seed", str(SEED), "--warnings", "off"]
    schemathesis = Path(sys.executable).parent / "st"
    run = subprocess.run(
        [str(schemathesis), "run", f"{server.url}/openapi.json", *words],
        cwd=work,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:]
    assert "Tested: 3" in run.stdout


def test_damaged_images_are_answered_and_memory_stays(server: Server, work: Path) -> None:
    chance = random.Random(SEED)
    session = requests.Session()
    statuses: set[int] = set()

    def send(count: int) -> None:
        for number in range(count):
            files = seeds_of_work[number % len(seeds_of_work)]
            answer = session.post(
                f"{server.url}/invocations",
                data=damaged(files, chance),
                headers={"Content-Type": "application/x-image"},
                timeout=30,
            )
            statuses.add(answer.status_code)
            assert answer.status_code in (200, 422), answer.text

    seeds_of_work = seeds(work)
    send(700)
    warm = memory_mib(server)
    send(1400)
    assert statuses == {200, 422}
    assert memory_mib(server) - warm < 40


def test_rubbish_on_the_wire_and_bodies_too_large_or_too_slow_leave_nothing_behind(server: Server) -> None:
    chance = random.Random(SEED)
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    requests_ = [
        chance.randbytes(3000),
        head + b"Content-Length: -5\r\n\r\n",
        head + b"Content-Length: 99999999999999999999\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        head + b"Content-Length: 3000000\r\n\r\n" + bytes(3_000_000),
        head + b"X: " + b"y" * 100_000,
        head + b"Content-Length: 500000\r\n\r\n" + bytes(400_000),  # and then nothing more
    ]

    def send_all() -> None:
        connections = []
        for content in requests_ * 5:
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=15)
            connections.append(connection)
            try:
                connection.sendall(content)
            except OSError:
                continue  # refused and hung up while it was still being sent
        for number, connection in enumerate(connections):
            try:
                answer = connection.recv(65536)
            except ConnectionResetError:
                answer = b""
            except TimeoutError:
                raise AssertionError(f"no answer to request {number % len(requests_)}") from None
            assert not answer or int(answer.split()[1]) in DOCUMENTED | {504}, answer
            connection.close()

    send_all()
    warm = memory_mib(server)
    for _ in range(3):
        send_all()
    assert memory_mib(server) - warm < 40
    assert requests.get(f"{server.url}/ping", timeout=10).ok
    metrics = requests.get(f"{server.url}/metrics", timeout=10).text
    assert 'status="500"' not in metrics and "darkroom_queue_images 0.0" in metrics
