"""MLflow, when the user has a server for it."""

import importlib.util
import logging
from typing import Any

from pipelines import __version__, storage
from pipelines.errors import ConfigError
from pipelines.quiet_imports import import_mlflow
from pipelines.train.config import TrainConfig

EXPERIMENT = "darkroom"


def check_tracking(tracking_uri: str) -> None:
    """Refuse MLflow's address where MLflow is missing or does not answer, before a run starts."""
    if not tracking_uri:
        return
    if importlib.util.find_spec("mlflow") is None:
        raise ConfigError("MLFLOW_TRACKING_URI is set, but mlflow is not installed; install darkroom[mlflow]")
    mlflow = import_mlflow()
    try:
        mlflow.MlflowClient(tracking_uri).get_experiment_by_name(EXPERIMENT)
    except mlflow.exceptions.MlflowException as error:
        raise ConfigError(f"MLFLOW_TRACKING_URI={tracking_uri} cannot be used: {error}") from error


class MlflowRun:
    """One MLflow run, found again when a killed training goes on."""

    def __init__(self, config: TrainConfig, tracking_uri: str) -> None:
        """Take up the run that run_dir/mlflow.json names, or begin one."""
        self._client = import_mlflow().MlflowClient(tracking_uri)
        place = storage.join(config.run_uri(), "mlflow.json")
        if storage.exists(place):
            self._run_id = storage.read_json(place)["run_id"]
            return
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        number = experiment.experiment_id if experiment else self._client.create_experiment(EXPERIMENT)
        name = config.target.rsplit("/", 1)[-1]
        self._run_id = self._client.create_run(number, run_name=name, tags={"darkroom": __version__}).info.run_id
        for key, value in config.model_dump().items():
            self._client.log_param(self._run_id, key, value)
        storage.write_json(place, {"run_id": self._run_id})

    def log(self, report: dict[str, Any]) -> None:
        """Keep one epoch's metrics; a server that is away costs a warning, not the training."""
        try:
            for key, value in report.items():
                self._client.log_metric(self._run_id, key, value, step=report["epoch"])
        except Exception as error:
            logging.getLogger(__name__).warning("MLflow did not take epoch %d: %s", report["epoch"], error)

    def end(self, status: str) -> None:
        """Close the run as FINISHED or FAILED."""
        try:
            self._client.set_terminated(self._run_id, status)
        except Exception as error:
            logging.getLogger(__name__).warning("MLflow did not take the end of the run: %s", error)
