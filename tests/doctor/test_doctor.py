"""The doctor finds what is wrong and says what to do about it."""

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from pipelines.config import load
from pipelines.doctor.checks import check_executor, look_at_this_process
from pipelines.doctor.config import DoctorConfig
from pipelines.doctor.run import doctor
from pipelines.errors import DarkroomError

HERE: dict[str, Any] = look_at_this_process(())


def remedies(**changes: Any) -> list[str]:
    return [
        check.remedy for check in check_executor({**HERE, **changes}, HERE, HERE["clock"] + 20, 5.0) if check.remedy
    ]


def test_a_healthy_machine_passes(spark: SparkSession, tmp_path: Path) -> None:
    summary = doctor(spark, load(DoctorConfig, [f"read=[{tmp_path}]", f"write=[{tmp_path}, {tmp_path}/new]"]))
    assert summary["hosts"] == [HERE["host"]]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named_for_driver_and_executor(spark: SparkSession) -> None:
    with pytest.raises(DarkroomError, match=r"2 of \d+ checks failed") as caught:
        doctor(spark, load(DoctorConfig, ["read=[/no/such/folder]"]))
    assert "file:///no/such/folder does not exist" in str(caught.value)
    assert f"from {HERE['host']}" in str(caught.value)


def test_a_folder_that_cannot_be_written_is_named(spark: SparkSession) -> None:
    with pytest.raises(DarkroomError, match=r"write file:///proc/nothing"):
        doctor(spark, load(DoctorConfig, ["write=[/proc/nothing]"]))


def test_an_executor_like_the_driver_has_nothing_wrong() -> None:
    assert remedies() == []


def test_another_version_on_an_executor_is_named() -> None:
    (remedy,) = remedies(packages={**HERE["packages"], "torch": "1.0"})
    assert "'torch': '1.0'" in remedy


def test_another_python_on_an_executor_is_named() -> None:
    (remedy,) = remedies(python="3.9.1")
    assert "'python': '3.9.1'" in remedy


@pytest.mark.parametrize("seconds", [-60, 60])
def test_a_clock_that_goes_wrong_is_named(seconds: float) -> None:
    (remedy,) = remedies(clock=HERE["clock"] + seconds)
    assert "start NTP" in remedy


def test_an_answer_that_took_its_time_is_no_wrong_clock() -> None:
    assert remedies(clock=HERE["clock"] + 19) == []
