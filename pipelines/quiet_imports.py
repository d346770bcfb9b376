"""Libraries that report their use to their makers over the network, imported without that."""

import os
import sys
from types import ModuleType


def import_openvino() -> ModuleType:
    """Import OpenVINO; it would tell of every import and every conversion."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # for Python: there is no such module
    import openvino

    return openvino  # type: ignore[no-any-return]


def import_mlflow() -> ModuleType:
    """Import MLflow; it would tell of every run, unless MLFLOW_DISABLE_TELEMETRY says otherwise already."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    return mlflow  # type: ignore[no-any-return]
