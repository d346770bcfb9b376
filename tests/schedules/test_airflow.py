"""The DAGs of conf/airflow, loaded, rendered and run by a real Airflow."""

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.cli import VERBS
from pipelines.config import load
from tests.bundles import write_bundle
from tests.command import HOME
from tests.photos import write_photos
from tools.venv import install

FIRST_DAY = "backfill__2026-01-02T00:00:00+00:00"  # Airflow names a run for the time when its interval is over


class Airflow:
    """Airflow's command line, with its database in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._python = install("airflow", HOME / "tools" / "airflow.requirements.lock") / "bin" / "python"
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PYSPARK")},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(HOME / "conf" / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[2]"}),
            "AIRFLOW_VAR_DARKROOM_HOME": str(HOME),
            "AIRFLOW_VAR_DARKROOM_SPARK_CONF": str(HOME / "conf" / "spark" / "local.conf"),
            "AIRFLOW_VAR_DARKROOM_DAYS": f"{folder}/days/{{date}}",
            "AIRFLOW_VAR_DARKROOM_MODEL": f"{folder}/model",
            "AIRFLOW_VAR_DARKROOM_SCORED": f"{folder}/scored",
        }

    def run(self, *commands: list[str]) -> list[str]:
        """Run commands one after the other and return what they print."""
        done = subprocess.run(
            [str(self._python), str(HOME / "tests" / "schedules" / "in_airflow.py")],
            input="".join(json.dumps(words) + "\n" for words in commands),
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('"')]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of photos and a model."""
    work = tmp_path_factory.mktemp("airflow")
    write_bundle(work / "model@production")
    for number, day in enumerate(("2026-01-01", "2026-01-02"), start=1):
        write_photos(work / "days" / day, number)
    return work


@pytest.fixture(scope="module")
def airflow(work: Path) -> Airflow:
    """A database that knows the DAGs, and a backfill of two days."""
    airflow = Airflow(work)
    days = ["--from-date", "2026-01-01", "--to-date", "2026-01-02"]
    airflow.run(
        ["db", "migrate"],
        ["dags", "reserialize"],
        ["backfill", "create", "--dag-id", "darkroom_score_day", *days],
    )
    return airflow


def rendered(airflow: Airflow, *tasks: tuple[str, str, str]) -> list[tuple[str, list[str]]]:
    """Return the application and its arguments as Airflow hands them to spark-submit."""
    found = []
    for shown in airflow.run(*[["tasks", "render", *task] for task in tasks]):
        fields = dict(re.findall(r"# property: (\w+)\n# -+\n(.*)\n", shown))
        found.append((fields["application"], ast.literal_eval(fields["application_args"])))
    return found


def test_all_dags_load(airflow: Airflow) -> None:
    errors, dags = airflow.run(["dags", "list-import-errors"], ["dags", "list", "--output", "json"])
    assert "No data found" in errors
    found = json.loads(dags[dags.index("[") :])
    assert {dag["dag_id"] for dag in found} == {
        f"darkroom_{name}" for name in ("score_new", "score_day", "retrain", "drift")
    }


def test_what_airflow_submits_are_jobs_with_settings_that_they_know(airflow: Airflow) -> None:
    run = "2026-01-15"
    tasks = [("score_new", "score_stream"), ("score_day", "score"), ("drift", "drift")]
    tasks += [("retrain", verb) for verb in ("ingest", "train", "evaluate")]
    submitted = rendered(airflow, *[(f"darkroom_{dag}", task, run) for dag, task in tasks])
    for (_, verb), (application, words) in zip(tasks, submitted, strict=True):
        assert application == f"{HOME}/jobs/{verb}.py" and Path(application).exists()
        module, _, name = VERBS[verb].settings.partition(":")
        load(getattr(importlib.import_module(module), name), words)


def test_a_backfill_scores_each_day_in_a_run_of_its_own(airflow: Airflow) -> None:
    runs = ["backfill__2026-01-02T00:00:00+00:00", "backfill__2026-01-03T00:00:00+00:00"]
    days = [words[-1] for _, words in rendered(airflow, *[("darkroom_score_day", "score", run) for run in runs])]
    assert days == ["date=2026-01-01", "date=2026-01-02"]


def test_a_day_that_runs_twice_is_there_once(airflow: Airflow, work: Path) -> None:
    test = ["tasks", "test", "darkroom_score_day", "score", FIRST_DAY]
    airflow.run(test, test)
    rows = pq.read_table(work / "scored" / "days" / "predictions").to_pylist()
    assert len(rows) == 3 and {str(row["date"]) for row in rows} == {"2026-01-01"}
