"""What a target's runs were made for: the same settings go on, others are refused."""

from typing import Any

from pipelines import storage
from pipelines.errors import ConfigError


def write_plan(target: str, plan: dict[str, Any]) -> None:
    """Write down the settings that decide the runs."""
    storage.write_json(_plan_uri(target), plan)


def check_plan(target: str, plan: dict[str, Any]) -> None:
    """Refuse a target whose measured runs are those of other settings.

    Raises:
        ConfigError: it names the settings that differ.
    """
    if not storage.exists(_plan_uri(target)):
        return
    old = storage.read_json(_plan_uri(target))
    if changed := [key for key in plan if old.get(key) != plan[key]]:
        differences = ", ".join(f"{key}={plan[key]} (was {old.get(key)})" for key in changed)
        raise ConfigError(f"target={target} holds runs of other settings: {differences}; use another target")


def _plan_uri(target: str) -> str:
    return storage.join(f"{target}-run", "plan.json")
