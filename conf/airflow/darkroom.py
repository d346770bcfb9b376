"""darkroom's jobs as DAGs of Airflow 3: copy this file into the dags folder.

The worker needs apache-airflow-providers-apache-spark, darkroom's environment first on PATH (its spark-submit, its
python3), and a connection `spark_default` that names the cluster. The Variables below say where everything lies.

Every run may be repeated: one with nothing new ends in seconds, and a day that is scored again replaces its own
partition. Of a job's exit codes, 1 is worth another try (a server was away, another run holds the target); after 2 (the
conf is wrong) and 3 (the data are wrong, or have drifted) the task's log says what to mend.
"""

import datetime

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable


def variable(name: str, default: str) -> str:
    """Name a Variable of Airflow, looked up when a task runs."""
    return f"{{{{ var.value.get('darkroom_{name}', '{default}') }}}}"


HOME = variable("home", "/opt/darkroom")
SPARK_CONF = variable("spark_conf", "/opt/darkroom/conf/spark/yarn.conf")
PHOTOS = variable("photos", "hdfs:///photos")  # label/photo.jpg, grows; to train on
INBOX = variable("inbox", "hdfs:///inbox")  # new photos, to be scored as they come
DAYS = variable("days", "hdfs:///days/{date}")  # or a folder a day, to be scored when the day is over
DATASET = variable("dataset", "hdfs:///datasets/photos")
MODEL = variable("model", "hdfs:///models/photos")
SCORED = variable("scored", "hdfs:///scored")
REPORTS = variable("reports", "hdfs:///reports")
MIN_ACCURACY = variable("min_accuracy", "0.8")  # a model below it is not promoted

SETTINGS = {
    "start_date": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    "catchup": False,
    "max_active_runs": 1,
    "default_args": {"retries": 2, "retry_delay": datetime.timedelta(minutes=5)},
    "tags": ["darkroom"],
    "doc_md": __doc__,
}


def every(cron: str) -> CronDataIntervalTimetable:
    """Run when an interval is over; data_interval_start is its beginning, in UTC."""
    return CronDataIntervalTimetable(cron, timezone="UTC")


def job(verb: str, *words: str) -> SparkSubmitOperator:
    """Run one of darkroom's jobs with its `key=value` words."""
    return SparkSubmitOperator(
        task_id=verb,
        name=f"darkroom-{verb}",
        application=f"{HOME}/jobs/{verb}.py",
        application_args=list(words),
        properties_file=SPARK_CONF,
    )


with DAG("darkroom_score_new", schedule=every("@hourly"), **SETTINGS):
    job(
        "score_stream",
        *(f"source={INBOX}", f"model={MODEL}@production", f"target={SCORED}/new", "trigger=available_now"),
    )

# airflow backfill create --dag-id darkroom_score_day --from-date 2026-01-01 --to-date 2026-01-31
with DAG("darkroom_score_day", schedule=every("@daily"), **SETTINGS):
    job(
        "score",
        *(f"source={DAYS}", f"model={MODEL}@production", f"target={SCORED}/days"),
        "date={{ data_interval_start | ds }}",
    )

with DAG("darkroom_retrain", schedule=every("@weekly"), **SETTINGS):
    (
        job("ingest", f"source={PHOTOS}", f"target={DATASET}")
        >> job(
            "train", f"{HOME}/conf/jobs/train.yaml", f"dataset={DATASET}", f"target={MODEL}", "restart_on_new_data=true"
        )
        >> job(
            "evaluate",
            *(f"dataset={DATASET}", f"model={MODEL}", f"target={REPORTS}/test", f"min_accuracy={MIN_ACCURACY}"),
        )
        >> BashOperator(task_id="promote", bash_command=f"darkroom promote model={MODEL} name={MODEL}@production")
    )

with DAG("darkroom_drift", schedule=every("@daily"), **SETTINGS):
    job(
        "drift",
        *(f"predictions={SCORED}/new", f"dataset={DATASET}", f"evaluation={REPORTS}/test", f"target={REPORTS}/drift"),
    )
