"""Access keys: shown once, encrypted at rest, checked by a running platform."""

import stat
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from sqlalchemy.orm import Session

from pipelines.errors import ConfigError
from pipelines.platform.config import KeysConfig, PlatformConfig
from pipelines.platform.database import open_database
from pipelines.platform.keys import manage_keys, open_vault, secret_of
from pipelines.platform.tables import AccessKey
from tests.platform.running import Platform


def keys(home: Path, **settings: str) -> dict[str, Any]:
    return manage_keys(KeysConfig(home=str(home), **settings))


def test_a_secret_is_shown_once_and_encrypted_at_rest(tmp_path: Path) -> None:
    made = keys(tmp_path, create="alice")
    assert keys(tmp_path) == {"keys": [{"access_key_id": made["access_key_id"], "user": "alice"}]}
    engine = open_database(f"sqlite:///{tmp_path}/platform.db")
    with Session(engine) as session:
        stored = session.get(AccessKey, made["access_key_id"])
        assert stored and made["secret_access_key"] not in stored.secret
    assert secret_of(engine, open_vault(tmp_path), made["access_key_id"]) == made["secret_access_key"]
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    keys(tmp_path, create="alice")
    (tmp_path / "secret.key").chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by others; chmod 600"):
        keys(tmp_path)


def test_a_key_that_does_not_exist_cannot_be_deleted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="delete=AKIAX: there is no such access key"):
        keys(tmp_path, delete="AKIAX")


def test_without_keys_only_loopback_is_served() -> None:
    with pytest.raises(ValueError, match="auth=false would let everyone in who reaches host=0.0.0.0"):
        PlatformConfig(home="/h", host="0.0.0.0", auth=False)


def test_a_deleted_key_is_unknown_to_the_running_platform(platform: Platform) -> None:
    made = keys(platform.home, create="bob")
    client = boto3.client(
        "sagemaker",
        endpoint_url=platform.url,
        region_name="us-east-1",
        aws_access_key_id=made["access_key_id"],
        aws_secret_access_key=made["secret_access_key"],
    )
    assert client.list_models()["Models"] is not None
    keys(platform.home, delete=made["access_key_id"])
    with pytest.raises(ClientError) as refusal:
        client.list_models()
    assert refusal.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_nothing_but_ping_answers_without_a_signature(platform: Platform) -> None:
    assert requests.get(f"{platform.url}/ping", timeout=10).status_code == 200
    target = {"X-Amz-Target": "SageMaker.ListModels"}
    refused = requests.post(platform.url, data="{}", headers=target, timeout=10)
    assert (refused.status_code, refused.json()["__type"]) == (403, "MissingAuthenticationTokenException")
    invoked = requests.post(f"{platform.url}/endpoints/x/invocations", data=b"x", timeout=10)
    assert (invoked.status_code, invoked.headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException")


def test_a_body_that_is_too_large_is_refused(platform: Platform) -> None:
    target = {"X-Amz-Target": "SageMaker.ListModels"}
    refused = requests.post(platform.url, data=b" " * (9 * 2**20), headers=target, timeout=20)
    assert refused.status_code == 413
