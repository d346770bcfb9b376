"""The trials of a search, kept by Optuna: those of an earlier run go on, the next ones are chosen."""

import threading
from collections.abc import Iterator
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from pipelines import storage
from pipelines.tune.config import TuneConfig
from pipelines.tune.journal import StoredJournal
from pipelines.tune.samplers import be_quiet, pruner_of, sampler_of
from pipelines.tune.space import Space, grid_of

NAME = "darkroom"
ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
ERROR = "error"  # attribute of a trial that failed


def journal_uri(config: TuneConfig) -> str:
    """Return where the search's journal lies, in the format of Optuna's own files."""
    return storage.join(config.run_uri(), "journal.log")


def open_study(config: TuneConfig, num_steps: int) -> optuna.Study:
    """Return the search of this target, with the trials of earlier runs."""
    be_quiet()
    return optuna.create_study(
        storage=JournalStorage(StoredJournal(journal_uri(config))),
        study_name=NAME,
        direction="maximize" if config.maximizes() else "minimize",
        pruner=pruner_of(config.pruner, num_steps=num_steps, after_trials=config.prune_after_trials),
        load_if_exists=True,
    )


class Trials:
    """The trials that are left to run. Threads may take them side by side."""

    def __init__(self, config: TuneConfig, space: Space, study: optuna.Study) -> None:
        """Look at what an earlier run has left."""
        self._config, self.space, self._study = config, space, study
        self._grid = grid_of(space) if config.search == "grid" else []
        self._lock = threading.Lock()
        self.number = len(self._grid) or config.num_trials

    def left(self) -> Iterator[FrozenTrial | None]:
        """Yield the trials that a killed run had begun, then None for each one that has not begun."""
        begun = [trial for trial in self._study.get_trials() if trial.state != TrialState.WAITING]
        yield from (trial for trial in begun if trial.state == TrialState.RUNNING)
        yield from [None] * (self.number - len(begun))

    def begin(self, earlier: FrozenTrial | None) -> Trial:
        """Go on with an earlier trial, or choose the values of a new one."""
        with self._lock:
            trials = self._study.get_trials(deepcopy=False)
            waiting = any(trial.state == TrialState.WAITING for trial in trials)  # a run was killed just here
            number = earlier.number if earlier else len(trials) - waiting
            if self._grid and not earlier and not waiting:
                self._study.enqueue_trial(self._grid[number])
            self._study.sampler = sampler_of(self._config.search, self._config.seed + number)
            trial = Trial(self._study, earlier._trial_id) if earlier else self._study.ask()
            for axis in self.space:
                axis.suggest(trial)
            return trial

    def values(self, trial: Trial | FrozenTrial) -> dict[str, Any]:
        """Return the trial's values by their settings."""
        return {axis.key: axis.value(trial.params[axis.key]) for axis in self.space if axis.key in trial.params}
