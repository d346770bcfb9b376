"""The command, before anything starts."""

from pathlib import Path

from tests.command import finish, start


def test_a_misspelt_key_is_refused_before_spark_starts(tmp_path: Path) -> None:
    job = start("tune", "dataset=features", f"target={tmp_path}/x", "verb=fit", "space.regularisation=[0.1]")
    stdout, stderr = finish(job, exit_code=2)
    assert "space.regularisation: unknown key; did you mean regularization?" in stderr
    assert not stdout and "Spark" not in stderr
    assert not list(tmp_path.iterdir())
