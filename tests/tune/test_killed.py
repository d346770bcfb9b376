"""A search that is killed with -9 goes on with the same command: no trial is lost, none is run twice."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.command import darkroom, finish, start


@pytest.mark.fault(
    "the driver and all its processes",
    during="tune with `--master local[*]`, in the second of four trials",
    then="the same command again goes on with that trial; no trial is lost, none that was measured is run again",
)
def test_a_killed_search_goes_on_where_it_was(work: Path, tmp_path: Path) -> None:
    words = (f"dataset={work}/features", f"target={tmp_path}/search", "verb=fit", "settings.library=sklearn")
    grid = ("search=grid", "space.regularization=[0.1,1,10,100]", "method=kfold", "folds=2")
    job = start("tune", *words, *grid)
    second = tmp_path / "search-run" / "trial-0002" / "repeat-0-fold-0" / "result.json"
    while not second.exists():
        assert job.poll() is None, "the search ended before it could be killed"
        time.sleep(0.01)
    os.killpg(job.pid, signal.SIGKILL)
    job.communicate()
    assert not (tmp_path / "search").exists()
    results = sorted((tmp_path / "search-run").glob("trial-*/*/result.json"))
    before = {result: result.stat().st_mtime_ns for result in results}
    assert 3 <= len(before) < 8

    found = darkroom("tune", *words, *grid)
    assert (found["trials"], found["measured"]) == (4, 4)
    assert {result: result.stat().st_mtime_ns for result in results} == before
    trials = json.loads((tmp_path / "search" / "tuning.json").read_text())["trials"]
    assert [trial["values"]["regularization"] for trial in trials] == [0.1, 1, 10, 100]

    _, told = finish(start("tune", *words, *grid))
    assert "nothing new: all 4 trials" in told
