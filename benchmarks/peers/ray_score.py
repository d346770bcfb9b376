"""Ray Data: Parquet to predictions. DATASET TARGET NETWORK torch|openvino BUNDLE PRECISION."""

import json
import shutil
import sys
import time
from pathlib import Path

import ray

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.peers.scoring import BATCH, predictor

ACTORS, FEW = 2, 32


class Classify:
    """An actor with the network loaded once."""

    def __init__(self, *how: str) -> None:
        """Load it."""
        self.predict = predictor(*how)

    def __call__(self, batch: dict) -> dict:
        """Add probabilities to a batch."""
        return {"uri": batch["uri"], "probabilities": self.predict(batch["image"])}


def score(files: list[str], target: str, how: list[str], limit: int = 0) -> int:
    """Read, classify, write; return the number of rows."""
    shutil.rmtree(target, ignore_errors=True)
    rows = ray.data.read_parquet(files, columns=["uri", "image"])
    rows = rows.limit(limit) if limit else rows
    pool = ray.data.ActorPoolStrategy(size=ACTORS)
    answers = rows.map_batches(Classify, fn_constructor_args=how, batch_size=BATCH, compute=pool, num_cpus=1)
    answers.write_parquet(target)
    return ray.data.read_parquet(target).count()


def main() -> None:
    """Time a run less the time of one on few photos: actors start anew in each."""
    dataset, target, *how = sys.argv[1:]
    ray.init(num_cpus=ACTORS + 1, log_to_driver=False, include_dashboard=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    files = sorted(str(file) for file in Path(dataset, "data").rglob("*.parquet"))
    runs = []
    for limit in (FEW, FEW, 0):
        started = time.perf_counter()
        runs.append((score(files, target, how, limit), started, time.perf_counter()))
    print(json.dumps({"runs": runs[1:]}))


if __name__ == "__main__":
    main()
