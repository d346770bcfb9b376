"""No library tells anybody that it is used."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("function", "silent"),
    [
        ("import_openvino", "sys.modules['openvino_telemetry'] is None and library.convert_model"),
        ("import_mlflow", "sys.modules['mlflow.telemetry.utils'].is_telemetry_disabled()"),
    ],
)
def test_a_library_is_imported_without_its_telemetry(function: str, silent: str) -> None:
    program = f"import sys; from pipelines import quiet_imports; library = quiet_imports.{function}(); assert {silent}"
    outside_tests = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}  # MLflow is silent in tests
    subprocess.run([sys.executable, "-c", program], check=True, env=outside_tests)
