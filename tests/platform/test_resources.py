"""Names, lists and tags: no job runs here."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from pipelines.platform.config import PlatformConfig
from pipelines.platform.database import open_database
from pipelines.platform.errors import ApiError
from pipelines.platform.operations import answer
from pipelines.platform.protocol import parse, service
from pipelines.platform.tables import Base
from tests.platform.running import channel, training, wait_until


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL server on loopback, where one is installed: its URL up to the database's name."""
    if not shutil.which("initdb"):
        pytest.skip("no PostgreSQL server is installed (initdb, postgres)")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    nobody = ["setpriv", "--reuid=nobody", "--clear-groups"] if os.getuid() == 0 else []  # it refuses to run as root
    if nobody:
        shutil.chown(folder, "nobody")
    subprocess.run(
        [*nobody, "initdb", "-D", folder / "data", "-U", "tests", "-A", "trust"], check=True, stdout=subprocess.DEVNULL
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["-D", folder / "data", "-p", str(port), "-h", "127.0.0.1", "-k", folder]
    server = subprocess.Popen([*nobody, "postgres", *words], stderr=subprocess.DEVNULL)
    url = f"postgresql+psycopg://tests@127.0.0.1:{port}"
    wait_until(lambda: _answers(f"{url}/postgres"), "answer of PostgreSQL", seconds=60)
    yield url
    server.send_signal(signal.SIGINT)  # the fast way: SIGTERM waits for clients
    server.wait(30)
    shutil.rmtree(folder)


def _answers(url: str) -> bool:
    try:
        create_engine(url).connect().close()
    except OperationalError:
        return False
    return True


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/platform.db"
    if request.param == "postgres":
        server, name = request.getfixturevalue("postgres"), f"tests_{uuid.uuid4().hex}"
        with create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        url = f"{server}/{name}"
    engine = open_database(url)
    yield engine
    engine.dispose()


class Client:
    """Asks the operations as the API does, without HTTP."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._config = engine, PlatformConfig(home="/nowhere")

    def __call__(self, name: str, **request: Any) -> dict[str, Any]:
        operation = service("sagemaker").operation_model(name)
        document = parse(operation, json.dumps(request).encode())
        said: dict[str, Any] = json.loads(answer(self._engine, self._config, operation, document) or b"{}")
        return said


@pytest.fixture
def ask(engine: Engine) -> Client:
    return Client(engine)


def make_model(ask: Client, name: str, **more: Any) -> str:
    answer = ask("CreateModel", ModelName=name, PrimaryContainer={"ModelDataUrl": "s3://b/model.tar.gz"}, **more)
    return str(answer["ModelArn"])


def test_the_migrations_make_the_tables_of_this_version(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_pages_of_a_list_have_every_row_once(ask: Client) -> None:
    names = [f"m{number:02d}" for number in range(25)]
    for name in names:
        make_model(ask, name)
    seen, token = [], {}
    while True:
        answer = ask("ListModels", SortBy="Name", SortOrder="Ascending", **token)
        seen += [model["ModelName"] for model in answer["Models"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert seen == names


def test_lists_are_filtered_and_sorted(ask: Client) -> None:
    for name in ("cat", "cattle", "dog", "c-t"):
        make_model(ask, name)

    def names(**request: Any) -> list[str]:
        return [model["ModelName"] for model in ask("ListModels", **request)["Models"]]

    assert names(NameContains="cat") == ["cattle", "cat"]
    assert names(SortBy="Name", SortOrder="Descending") == ["dog", "cattle", "cat", "c-t"]
    assert names(CreationTimeAfter=4e9) == []
    assert len(names(CreationTimeBefore=4e9, MaxResults=3)) == 3


def test_a_token_that_was_not_given_out_is_refused(ask: Client) -> None:
    with pytest.raises(ApiError, match="NextToken is not one"):
        ask("ListModels", NextToken="abc")


def test_tags_are_kept_until_their_resource_is_deleted(ask: Client) -> None:
    arn = make_model(ask, "m", Tags=[{"Key": "a", "Value": "1"}])
    assert ask("AddTags", ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])["Tags"] == [
        {"Key": "a", "Value": "3"},
        {"Key": "b", "Value": "2"},
    ]
    ask("DeleteTags", ResourceArn=arn, TagKeys=["a"])
    assert ask("ListTags", ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    ask("DeleteModel", ModelName="m")
    with pytest.raises(ApiError, match="Could not find resource"):
        ask("ListTags", ResourceArn=arn)
    assert ask("ListTags", ResourceArn=make_model(ask, "m"))["Tags"] == []


def test_writers_at_the_same_time_lose_nothing(ask: Client) -> None:
    arn = make_model(ask, "m")

    def tag(number: int) -> None:
        ask("AddTags", ResourceArn=arn, Tags=[{"Key": str(number), "Value": "x"}])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(tag, range(40)))
    assert len(ask("ListTags", ResourceArn=arn)["Tags"]) == 40


def test_a_model_name_is_taken_once(ask: Client) -> None:
    make_model(ask, "m")
    with pytest.raises(ApiError, match="model names are unique, and 'm' is taken"):
        make_model(ask, "m")


def test_what_a_config_names_must_exist(ask: Client) -> None:
    with pytest.raises(ApiError, match="Could not find model 'm'") as refusal:
        ask("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[{"VariantName": "v", "ModelName": "m"}])
    assert refusal.value.code == "ValidationException"
    with pytest.raises(ApiError, match="Could not find endpoint-config 'c'"):
        ask("CreateEndpoint", EndpointName="e", EndpointConfigName="c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"AlgorithmSpecification": {"TrainingImage": "xgboost", "TrainingInputMode": "File"}},
            "must name image-class",
        ),
        ({"InputDataConfig": [channel("test", "s3://b/x")]}, "channel 'test' is unknown to image-classification"),
        ({"InputDataConfig": [channel("validation", "s3://b/x")]}, "needs a channel train"),
        (
            {"InputDataConfig": [channel("train", "s3://b/x", "application/x-recordio")]},
            "application/x-recordio is not read",
        ),
        ({"InputDataConfig": [channel("train", "https://b/x")]}, "unknown scheme https://"),
        ({"HyperParameters": {"num_classes": "2"}}, "hyperparameter num_training_samples is required"),
    ],
)
def test_a_training_job_that_cannot_run_is_refused_at_once(ask: Client, change: dict[str, Any], message: str) -> None:
    request = {**training("t", [channel("train", "s3://b/x")], Path("/o")), **change}
    with pytest.raises(ApiError, match=message) as refusal:
        ask("CreateTrainingJob", **request)
    assert refusal.value.code == "ValidationException"


def test_pretrained_weights_that_are_not_there_are_refused_with_what_to_do(ask: Client) -> None:
    request = training("t", [channel("train", "s3://b/x")], Path("/o"), use_pretrained_model="1", num_layers="18")
    with pytest.raises(ApiError, match="start it with pretrained=FOLDER holding resnet18.safetensors"):
        ask("CreateTrainingJob", **request)
    request["HyperParameters"]["network"] = "tf_efficientnet_lite0"
    assert ask("CreateTrainingJob", **request)["TrainingJobArn"].endswith("training-job/t")
    assert ask("DescribeTrainingJob", TrainingJobName="t")["SecondaryStatus"] == "Starting"
    ask("StopTrainingJob", TrainingJobName="t")
    assert ask("DescribeTrainingJob", TrainingJobName="t")["TrainingJobStatus"] == "Stopping"
