"""What a running stream tells Prometheus, and what is made of it."""

import json
import re
import socket
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from pyspark.sql import SparkSession
from tenacity import retry, stop_after_delay, wait_fixed

from pipelines.config import load
from pipelines.errors import ConfigError
from pipelines.model.bundle import load_bundle
from pipelines.stream.config import ScoreStreamConfig
from pipelines.stream.metrics import records_behind, watched
from pipelines.stream.run import score_stream
from tests.bundles import write_bundle
from tests.command import HOME
from tests.photos import write_photos

Samples = dict[tuple[str, str], float]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def config_of(work: Path, port: int) -> ScoreStreamConfig:
    words = [f"source={work}/inbox", f"model={work}/model", f"target={work}/scored", "engine=torch"]
    return load(ScoreStreamConfig, [*words, "trigger=1 second", "settle_seconds=0", f"metrics_port={port}"])


@retry(stop=stop_after_delay(300), wait=wait_fixed(0.5), reraise=True)
def samples_when(port: int, name: str, number: float) -> Samples:
    """Ask for the metrics until one of them has reached a number: by name, and by the value of each of its labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        families = list(text_string_to_metric_families(response.read().decode()))
    found = {
        (sample.name, label): sample.value
        for family in families
        for sample in family.samples
        for label in sample.labels.values() or [""]
    }
    assert found[name, ""] >= number
    return found


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("metrics")
    write_bundle(work / "model")
    write_photos(work / "inbox", 2)
    (work / "inbox" / "text.jpg").write_text("no photo")
    (work / "inbox" / "empty.jpg").write_bytes(b"")
    return work


@pytest.fixture(scope="module")
def samples(spark: SparkSession, work: Path) -> Iterator[Samples]:
    """The metrics of a stream that has scored six photos and rejected two files."""
    port, stop = free_port(), threading.Event()
    stream = threading.Thread(
        target=score_stream, args=(spark, config_of(work, port)), kwargs={"stop": stop, "security": {}}
    )
    stream.start()
    try:
        samples_when(port, "darkroom_stream_inputs_total", 8)
        yield samples_when(port, "darkroom_stream_trigger_seconds", 0.001)
    finally:
        stop.set()
        stream.join(60)


def test_photos_are_counted_by_what_became_of_them(samples: Samples) -> None:
    assert samples["darkroom_stream_inputs_total", ""] == 8
    assert samples["darkroom_stream_predictions_total", ""] == 6
    assert samples["darkroom_stream_rejects_total", "not_an_image"] == 1
    assert samples["darkroom_stream_rejects_total", "empty"] == 1


def test_batches_lag_and_model_are_told(samples: Samples, work: Path) -> None:
    assert samples["darkroom_stream_batch_seconds_count", ""] >= 1
    assert samples["darkroom_stream_lag_seconds", ""] > 0
    assert samples["darkroom_stream_model_info", load_bundle(f"{work}/model").info.model_id] == 1
    assert samples["darkroom_stream_running", ""] == 1
    assert samples["darkroom_stream_failures_total", ""] == 0


def test_dashboard_and_alerts_ask_for_metrics_that_are_there(samples: Samples) -> None:
    dashboard = (HOME / "conf" / "grafana" / "darkroom.json").read_text()
    alerts = (HOME / "conf" / "prometheus" / "alerts.yml").read_text()
    known = {name for name, _ in samples}
    for text in (dashboard, alerts):
        asked = set(re.findall(r"darkroom_stream_\w+", text))
        assert asked and asked <= known, asked - known


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    dashboard = json.loads((HOME / "conf" / "grafana" / "darkroom.json").read_text())
    assert dashboard["title"] and dashboard["uid"] and dashboard["id"] is None
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["targets"] and "gridPos" in panel for panel in panels)


def test_prometheus_reads_the_alerts_beside_its_conf() -> None:
    folder = HOME / "conf" / "prometheus"
    conf = yaml.safe_load((folder / "prometheus.yml").read_text())
    assert all((folder / name).exists() for name in conf["rule_files"])
    rules = [rule for group in yaml.safe_load((folder / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
    assert rules and all({"alert", "expr", "annotations"} <= set(rule) for rule in rules)


def test_a_port_that_is_taken_is_a_wrong_conf(spark: SparkSession, work: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(ConfigError, match=f"metrics_port={port}: cannot listen"),
            watched(spark, config_of(work, port)),
        ):
            pass


def test_records_behind_are_summed_over_topics_and_partitions() -> None:
    assert records_behind('{"a": {"0": 10, "1": 5}, "b": {"0": 1}}', '{"a": {"0": 7, "1": 5}}') == 4
    assert records_behind('{"logOffset": 3}', '{"logOffset": 1}') == 0
    assert records_behind(None, None) == 0
