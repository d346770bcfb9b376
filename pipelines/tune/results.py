"""What a search leaves: the best settings as a conf file, a report, every trial's figures."""

import logging
from typing import Any

import optuna
import yaml
from optuna.trial import FrozenTrial, TrialState

from pipelines import __version__, storage
from pipelines.errors import DarkroomError
from pipelines.publish import publish, staged
from pipelines.tune.config import TuneConfig
from pipelines.tune.report import render
from pipelines.tune.space import settings_with
from pipelines.tune.study import ERROR, Trials, journal_uri
from pipelines.validate.runs import settings_of

FEWEST_FOR_IMPORTANCE = 10  # with fewer, PED-ANOVA gives equal shares that read like a finding
OUTPUTS = ("best.yaml", "report.html", "tuning.json")
STATES = {"measured": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def publish_search(config: TuneConfig, study: optuna.Study, trials: Trials) -> dict[str, Any]:
    """Write the best settings, the report and every trial's figures; return what the job prints."""
    found = study.get_trials()
    if not any(trial.state == TrialState.COMPLETE for trial in found):
        raise DarkroomError(f"none of {len(found)} trials was measured to its end; see {journal_uri(config)}")
    best = study.best_trial
    report = {
        **config.model_dump(mode="json", exclude={"target", "side_by_side", "slots"}),
        "code_version": __version__,
        "maximizes": config.maximizes(),
        "counts": _counts(found),
        "best": best.number + 1,
        "importance": _importance(study),
        "trials": [_described(trial, trials) for trial in found],
    }
    conf = _conf(config, best, trials)
    with staged(config.target) as staging:
        storage.write_bytes(storage.join(staging, "best.yaml"), conf.encode())
        storage.write_bytes(storage.join(staging, "report.html"), render(report, trials.space, conf).encode())
        storage.write_json(storage.join(staging, "tuning.json"), report)
        publish(config.target, [], list(OUTPUTS), run=0, append=False)
    return summarise(config, study, trials, nothing_new=False)


def summarise(config: TuneConfig, study: optuna.Study, trials: Trials, *, nothing_new: bool) -> dict[str, Any]:
    """Return what the job prints."""
    best, found = study.best_trial, study.get_trials()
    main = {"best_trial": best.number + 1, config.metric: best.value, "values": trials.values(best)}
    places = {name: storage.join(config.target, name) for name in OUTPUTS}
    return {"trials": len(found), **_counts(found), **main, "nothing_new": nothing_new, **places}


def _counts(found: list[FrozenTrial]) -> dict[str, int]:
    states = [trial.state for trial in found]
    return {name: states.count(state) for name, state in STATES.items()}


def _described(trial: FrozenTrial, trials: Trials) -> dict[str, Any]:
    return {
        "trial": trial.number + 1,
        "state": next(name for name, state in STATES.items() if state == trial.state),
        "score": None if trial.state == TrialState.PRUNED else trial.value,  # Optuna's would be the last figure
        "values": trials.values(trial),
        "figures": {str(step): figure for step, figure in sorted(trial.intermediate_values.items())},
        "seconds": trial.duration.total_seconds() if trial.duration else None,
        "error": trial.user_attrs.get(ERROR, ""),
    }


def _importance(study: optuna.Study) -> dict[str, float]:
    """Return each setting's share in what makes a trial good; empty where too few were measured to tell."""
    if len(study.get_trials(states=[TrialState.COMPLETE])) < FEWEST_FOR_IMPORTANCE:
        return {}
    try:
        return dict(optuna.importance.get_param_importances(study))
    except (ValueError, RuntimeError) as error:
        logging.getLogger(__name__).info("no importance of settings: %s", error)
        return {}


def _conf(config: TuneConfig, best: FrozenTrial, trials: Trials) -> str:
    """Return the conf file of the best trial; the verb runs it as it is."""
    given = settings_with(config.settings, trials.values(best))
    target = storage.join(config.target, "model")
    checked = settings_of(config.verb, given, config.dataset, target).model_dump(mode="json")
    settings = {key: checked[key] for key in ("dataset", "target", *given)}
    head = f"# Trial {best.number + 1} of {config.target}: {config.metric} {best.value:.4f}.\n"
    return f"{head}# Run it: darkroom {config.verb} {storage.join(config.target, 'best.yaml')}\n" + yaml.safe_dump(
        settings, sort_keys=False, allow_unicode=True
    )
