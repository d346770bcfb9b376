"""Optuna's samplers and pruners, as both `tune` and the platform use them."""

import warnings

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

NUM_RANDOM_FIRST = 5  # of a Bayesian search: before that there is nothing to learn from


def sampler_of(search: str, seed: int) -> BaseSampler:
    """Return what chooses the next values; with the number of trials in the seed a search can go on anywhere."""
    if search != "bayesian":
        return RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # multivariate and constant_liar are called experimental
        return TPESampler(seed=seed, n_startup_trials=NUM_RANDOM_FIRST, multivariate=True, constant_liar=True)


def pruner_of(name: str, *, after_trials: int, num_steps: int = 1) -> BasePruner:
    """Return what ends bad trials; hyperband needs the largest number of figures of a trial."""
    if name == "hyperband":
        return HyperbandPruner(min_resource=1, max_resource=max(num_steps, 2), reduction_factor=3)
    return MedianPruner(n_startup_trials=after_trials) if name == "median" else NopPruner()


def be_quiet() -> None:
    """Leave the telling of trials to our own log."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
