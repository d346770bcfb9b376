"""Keep what was measured: one JSON line a run, and a plot of the latest."""

import contextlib
import datetime
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent
RESULTS = HOME / "benchmarks" / "results"


def keep(work: str, rates: dict[str, float], plot: str = "", **facts: Any) -> dict[str, Any]:
    """Append a run to results/WORK.jsonl and draw results/PLOT.png, or WORK.png; print the line and return it.

    `rates` are images a second by contender; `ceiling` is the physical limit, `darkroom` this project.
    """
    ours = rates["darkroom"]
    peers = {name: round(ours / rate, 2) for name, rate in rates.items() if name not in ("ceiling", "darkroom")}
    line = {
        "ratio_to_ceiling": round(ours / rates["ceiling"], 3),
        "ratio_to": peers,
        **facts,
        "images_per_second": {name: round(rate, 1) for name, rate in rates.items()},
    }
    draw(plot or work, rates)
    return append(work, line)


def append(work: str, facts: dict[str, Any], command: str = "") -> dict[str, Any]:
    """Append a run to results/WORK.jsonl, with what it ran on; print the line and return it.

    `command` is what repeats it, where that is not `make bench-WORK`.
    """
    line = {
        "benchmark": work,
        **facts,
        "cores": len(os.sched_getaffinity(0)),
        "command": command or f"make bench-{work}",
        "cpu": _cpu(),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{work}.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)
    return line


def draw(work: str, rates: dict[str, float]) -> None:
    """Draw the rates as bars, slowest first."""
    names = sorted(rates, key=lambda name: rates[name])
    colours = {"darkroom": "tab:blue", "ceiling": "lightgray"}
    with drawing(work, height=0.5 + 0.4 * len(names)) as (axes,):
        colour = [colours.get(name, "tab:orange") for name in names]
        bars = axes.barh(names, [rates[name] for name in names], color=colour)
        axes.bar_label(bars, fmt="%.0f", padding=3)
        axes.set_xlabel("images per second")
        axes.set_title(work)
        axes.margins(x=0.12)


@contextlib.contextmanager
def drawing(name: str, columns: int = 1, height: float = 4.0) -> Iterator[Sequence[Any]]:
    """Give axes side by side to draw on, and write them to results/NAME.png."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, columns, figsize=(3 + 4 * columns, height), squeeze=False)
    yield list(axes[0])
    figure.savefig(RESULTS / f"{name}.png", dpi=120, bbox_inches="tight")
    pyplot.close(figure)


def say(text: str) -> None:
    """Show progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=HOME, capture_output=True, text=True, check=False).stdout.strip()


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
