"""Which settings of spark-submit the URIs of a job ask for."""

from pathlib import Path

from pipelines.submit import _connectors

CONF = Path(__file__).resolve().parent.parent / "conf" / "spark"


def settings(*words: str) -> dict[str, str]:
    options = _connectors(words, CONF)
    assert options[::2] == ["--conf"] * (len(options) // 2)
    return dict(option.split("=", 1) for option in options[1::2])


def test_files_of_this_machine_need_no_connector() -> None:
    assert settings("source=/photos", "target=hdfs:///scored") == {}


def test_kafka_and_s3_together_get_the_packages_of_both() -> None:
    both = settings("source=kafka://host:9092/photos", "target=s3a://bucket/scored")
    kafka, s3 = settings("source=kafka://host:9092/photos"), settings("target=s3://bucket/scored")
    for key in ("spark.jars.packages", "spark.jars.excludes"):
        assert set(both[key].split(",")) == set(kafka[key].split(",")) | set(s3[key].split(","))
    assert both.keys() == kafka.keys() | s3.keys()
