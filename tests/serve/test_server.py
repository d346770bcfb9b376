"""The server itself: its start and stop, its limits, its workers."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from pipelines.config import load
from pipelines.model.bundle import load_bundle
from pipelines.release.config import PromoteConfig
from pipelines.release.run import promote
from tests.bundles import write_bundle
from tests.command import finish, start
from tests.photos import write_photos
from tests.serve.server import Server, serving


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("server")
    write_photos(work / "photos", 1)
    write_bundle(work / "model")
    return work


@pytest.fixture(scope="module")
def strict(work: Path) -> Iterator[Server]:
    """Takes bodies of 5000 bytes within two seconds, 8000 bytes of all requests together."""
    limits = ("max_body_bytes=5000", "max_held_bytes=8000", "timeout_seconds=2")
    with serving(f"{work}/model", "engine=openvino", *limits) as server:
        yield server


def photo(work: Path) -> bytes:
    return (work / "photos" / "red" / "000.jpg").read_bytes()


def head(length: int | None = None, content_type: str = "image/jpeg") -> bytes:
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n{framing}\r\n\r\n".encode()


def children_of(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, check=True, text=True)
    return [int(child) for child in found.stdout.split()]


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str]]:
    """Read an answer to its end, by its length; whether the connection closes does not matter."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += (more := connection.recv(65536))
        assert more, received
    headers, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", headers)
    assert length, headers
    while len(body) < int(length[1]):
        body += connection.recv(65536)
    return int(headers.split()[1]), json.loads(body)


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(strict: Server) -> None:
    with connect(strict) as connection:
        connection.sendall(head(5001))
        status, error = read_answer(connection)
    assert (status, error["code"]) == (413, "body_too_large")
    assert "5001 bytes" in error["message"] and "max_body_bytes is 5000" in error["message"]


def test_a_body_that_grows_too_large_is_refused_while_it_is_sent(strict: Server) -> None:
    with connect(strict) as connection:
        connection.sendall(head() + b"1f40\r\n" + b"x" * 8000)
        status, error = read_answer(connection)
    assert (status, error["code"]) == (413, "body_too_large")


def test_a_client_that_sends_all_of_a_large_body_still_reads_the_answer(strict: Server) -> None:
    answer = requests.post(
        f"{strict.url}/invocations", data=b"x" * 10_000_000, headers={"Content-Type": "image/png"}, timeout=30
    )
    assert answer.status_code == 413 and answer.headers["Connection"] == "close"


def test_bodies_that_are_too_large_together_are_429(strict: Server) -> None:
    with connect(strict) as first, connect(strict) as second:
        first.sendall(head(4999) + b"x" * 4998)
        second.sendall(head(4999) + b"x" * 4998)
        answers = [read_answer(connection) for connection in (first, second)]
    assert sorted(status for status, _ in answers) == [429, 504]


def test_bytes_are_given_back_whatever_became_of_the_request(strict: Server, work: Path) -> None:
    for _ in range(5):
        assert requests.post(f"{strict.url}/invocations", data=b"x" * 4000, timeout=30).status_code == 415
        image = {"Content-Type": "image/jpeg"}
        rubbish = requests.post(f"{strict.url}/invocations", data=b"x" * 4000, headers=image, timeout=30)
        assert rubbish.status_code == 422
        assert requests.post(f"{strict.url}/invocations", data=photo(work), headers=image, timeout=30).ok


def test_a_slow_body_is_504(strict: Server) -> None:
    with connect(strict) as connection:
        connection.sendall(head(100) + b"x")
        status, error = read_answer(connection)
    assert (status, error["code"], error["retryable"]) == (504, "timeout", True)
    assert "the body did not arrive within timeout_seconds=2" in error["message"]


def test_endless_headers_are_431(strict: Server) -> None:
    with connect(strict) as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\nX-Long: " + b"x" * 70_000)
        assert read_answer(connection)[0] == 431


def test_what_is_no_http_is_400_with_the_same_document(strict: Server) -> None:
    with connect(strict) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        status, error = read_answer(connection)
    assert (status, error["code"]) == (400, "bad_request") and error["request_id"]


def test_a_stopping_server_finishes_what_is_in_work(work: Path) -> None:
    with serving(f"{work}/model", "engine=openvino") as server, connect(server) as connection:
        body = photo(work)
        connection.sendall(head(len(body)) + body[:100])
        requests.get(f"{server.url}/ping", timeout=10)  # the half request has arrived
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(1)
        connection.sendall(body[100:])
        status, answer = read_answer(connection)
        stdout, _ = finish(server.process)
    assert status == 200 and answer["label_name"]
    assert json.loads(stdout.splitlines()[-1])["job"] == "serve"


def test_a_model_that_cannot_be_loaded_is_said_by_ping(work: Path) -> None:
    shutil.copytree(work / "model", work / "damaged")
    (work / "damaged" / "graph" / "model.xml").write_text("rubbish")
    with serving(f"{work}/damaged", "engine=openvino", ready=False) as server:
        while (ping := requests.get(f"{server.url}/ping", timeout=10).json())["retryable"]:
            assert "is being loaded" in ping["message"]
        assert ping["code"] == "not_ready" and "Error" in ping["message"]
        answer = requests.post(f"{server.url}/invocations", headers={"Content-Type": "image/png"}, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")


def test_what_is_promoted_to_a_name_answers_without_a_restart_and_without_a_lost_request(work: Path) -> None:
    name, other = f"{work}/model@production", write_bundle(work / "other", seed=1)
    promote(load(PromoteConfig, [f"model={work}/model", f"name={name}"]))
    with serving(name, "follow_seconds=0.2", "engine=openvino") as server, requests.Session() as session:

        def ask() -> str:
            image = {"Content-Type": "image/jpeg"}
            answer = session.post(f"{server.url}/invocations", data=photo(work), headers=image, timeout=60)
            assert answer.status_code == 200
            return str(answer.json()["model_id"])

        first = ask()
        promote(load(PromoteConfig, [f"model={other}", f"name={name}"]))
        answered_by = [first]
        deadline = time.monotonic() + 60
        while answered_by[-1] == first and time.monotonic() < deadline:
            answered_by.append(ask())
    assert set(answered_by) == {load_bundle(f"{work}/model").info.model_id, load_bundle(other).info.model_id}


def test_workers_share_the_port_and_their_counters(work: Path) -> None:
    image = {"Content-Type": "image/jpeg"}
    with serving(f"{work}/model", "workers=2", "engine=openvino") as server:
        answers = [
            requests.post(f"{server.url}/invocations", data=photo(work), headers=image, timeout=60) for _ in range(40)
        ]
        num_good = sum(answer.status_code == 200 for answer in answers)
        counted = requests.get(f"{server.url}/metrics", timeout=10).text
        children = children_of(server.process.pid)
    assert num_good and len(children) >= 2
    assert f'darkroom_images_total{{outcome="predicted"}} {num_good}.0' in counted


def test_a_worker_that_is_silent_for_seconds_is_not_replaced(work: Path) -> None:
    with serving(f"{work}/model", "workers=2", "engine=openvino") as server:
        worker = children_of(server.process.pid)[-1]
        os.kill(worker, signal.SIGSTOP)
        time.sleep(8)
        os.kill(worker, signal.SIGCONT)
        time.sleep(1)
        assert worker in children_of(server.process.pid)


@pytest.mark.parametrize(("words", "exit_code", "problem"), [(["model=/no/such"], 2, "no model bundle")])
def test_a_server_without_a_bundle_does_not_start(words: list[str], exit_code: int, problem: str) -> None:
    _, stderr = finish(start("serve", *words, "port=0"), exit_code)
    assert problem in stderr


def test_a_port_in_use_is_a_wrong_conf(work: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        _, stderr = finish(start("serve", f"model={work}/model", f"port={port}"), 2)
    assert f"port={port}: Address already in use" in stderr


def test_a_server_for_other_machines_warns_that_nobody_signs_in(work: Path) -> None:
    with serving(f"{work}/model", "host=0.0.0.0", ready=False) as server:
        server.process.send_signal(signal.SIGTERM)
        _, stderr = finish(server.process)
    assert "host=0.0.0.0: whoever reaches port" in stderr
