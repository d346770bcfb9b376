"""What can be checked of the image and of docker-compose.yml without docker."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.cli import VERBS
from pipelines.config import load
from pipelines.serve.config import ServeConfig

HOME = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
COMPOSE: dict[str, Any] = yaml.safe_load((HOME / "docker-compose.yml").read_text())
DOCKERFILE = (HOME / "Dockerfile").read_text()


def test_ports_are_published_on_loopback_alone() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_services_depend_on_services_that_are_there() -> None:
    for service in COMPOSE["services"].values():
        assert set(service.get("depends_on", [])) <= set(COMPOSE["services"])


def test_passwords_have_no_defaults() -> None:
    text = (HOME / "docker-compose.yml").read_text()
    secrets = re.findall(r"(?:PASSWORD|SECRET\w*|ACCESS_KEY\w*): (.*)", text)
    assert secrets and all(re.match(r"\$\{\w+:\?", secret) for secret in secrets)


def test_what_the_image_copies_is_there() -> None:
    for line in re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.MULTILINE):
        assert all((HOME / source).exists() for source in line.split()), line


def test_paths_inside_the_image_are_files_of_the_project() -> None:
    named = re.findall(r"/opt/darkroom/([\w./-]+)", DOCKERFILE + (HOME / "docker-compose.yml").read_text())
    assert "docker/entrypoint.sh" in named and "docker/hadoop-conf" in named
    assert all((HOME / path).exists() for path in named if not path.startswith(".venv"))


def test_commands_of_our_image_are_installed() -> None:
    own = [service["command"][0] for service in COMPOSE["services"].values() if service["image"].startswith("darkroom")]
    assert own and all((BIN / command).exists() for command in own)


def test_the_endpoint_s_settings_are_those_of_serve() -> None:
    service = COMPOSE["services"]["serve"]
    config = load(ServeConfig, [word.replace("${MODEL:-", "").rstrip("}") for word in service["command"][2:]])
    assert service["command"][:2] == ["darkroom", "serve"] and "serve" in VERBS
    assert config.host == "0.0.0.0" and service["ports"] == [f"127.0.0.1:8080:{config.port}"]
    assert float(service["stop_grace_period"].rstrip("s")) > config.timeout_seconds


def test_the_proxy_waits_longer_than_the_endpoint_and_takes_as_large_bodies() -> None:
    conf = (HOME / "conf" / "nginx" / "darkroom.conf").read_text()
    defaults = {name: field.default for name, field in ServeConfig.model_fields.items()}
    read_timeout, max_body = re.search(r"proxy_read_timeout (\d+)s", conf), re.search(r"max_body_size (\d+)m", conf)
    assert read_timeout and int(read_timeout[1]) > defaults["timeout_seconds"]
    assert max_body and int(max_body[1]) * 2**20 == defaults["max_body_bytes"]
    assert f"server 127.0.0.1:{defaults['port']};" in conf


def test_the_entrypoint_is_a_program_that_runs_what_it_is_given() -> None:
    script = HOME / "docker" / "entrypoint.sh"
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert script.stat().st_mode & 0o111


@pytest.mark.parametrize("name", ["local", "standalone", "yarn", "mesos", "kubernetes", "s3"])
def test_every_line_of_a_spark_conf_is_a_setting_or_a_comment(name: str) -> None:
    lines = (HOME / "conf" / "spark" / f"{name}.conf").read_text().splitlines()
    settings = [line for line in lines if line and not line.startswith("#")]
    assert settings and all(re.fullmatch(r"spark\.\S+\s+\S.*", line) for line in settings)
    assert len({line.split()[0] for line in settings}) == len(settings)
