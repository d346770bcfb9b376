"""The `darkroom` command: check a verb's settings, then start its job as spark-submit would."""

import argparse
import importlib
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import jobs
from pipelines.config import JobConfig, keys_of, load
from pipelines.errors import ConfigError, DarkroomError
from pipelines.job import report
from pipelines.submit import submit


class Verb(NamedTuple):
    """What a verb's settings are, what it is for, and, where it needs no Spark, the function that does it."""

    settings: str
    purpose: str
    function: str = ""


VERBS = {
    "ingest": Verb("pipelines.ingest.config:IngestConfig", "turn a source of photos into a Parquet dataset"),
    "train": Verb("pipelines.train.config:TrainConfig", "train a network on a dataset with Horovod on Spark"),
    "evaluate": Verb("pipelines.evaluate.config:EvaluateConfig", "measure a model bundle on a split of a dataset"),
    "score": Verb("pipelines.score.config:ScoreConfig", "predict the classes of photos or of a dataset"),
    "serve": Verb(
        "pipelines.serve.config:ServeConfig",
        "answer /ping and /invocations with a model bundle, on HTTP",
        "pipelines.serve.run:serve",
    ),
    "score_stream": Verb(
        "pipelines.stream.config:ScoreStreamConfig", "score a folder that fills, or Kafka, without an end"
    ),
    "promote": Verb(
        "pipelines.release.config:PromoteConfig",
        "let a name such as models/photos@production mean a bundle",
        "pipelines.release.run:promote",
    ),
    "rollback": Verb(
        "pipelines.release.config:RollbackConfig",
        "let a name mean its previous bundle again",
        "pipelines.release.run:rollback",
    ),
    "ready_made": Verb(
        "pipelines.ready_made.config:ReadyMadeConfig",
        "write a bundle that knows ImageNet's 1,000 classes, without any training",
        "pipelines.ready_made.bundle:ready_made",
    ),
    "platform": Verb(
        "pipelines.platform.config:PlatformConfig",
        "serve the part of SageMaker's API that image classification needs",
        "pipelines.platform.run:platform",
    ),
    "platform keys": Verb(
        "pipelines.platform.config:KeysConfig",
        "make, list or delete the platform's access keys",
        "pipelines.platform.keys:manage_keys",
    ),
    "drift": Verb("pipelines.drift.config:DriftConfig", "compare each day's predictions with the training photos"),
    "features": Verb(
        "pipelines.features.config:FeaturesConfig", "write the activations of a network's layer as a table"
    ),
    "fit": Verb("pipelines.fit.config:FitConfig", "fit a classic learner on a table of features"),
    "validate": Verb("pipelines.validate.config:ValidateConfig", "train or fit on folds, compare on the same folds"),
    "tune": Verb("pipelines.tune.config:TuneConfig", "search the settings of train or fit for the best"),
    "doctor": Verb("pipelines.doctor.config:DoctorConfig", "check Java, Spark, Horovod, storage and the executors"),
    "package": Verb(
        "pipelines.package.config:PackageConfig",
        "pack the Python environment and Spark's jars for a cluster",
        "pipelines.package.run:package",
    ),
}
SUBMIT_HELP = "Options such as --master yarn --deploy-mode cluster --queue training go to spark-submit as they are."


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line; become the job, or return an exit code."""
    arguments = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    if {"-h", "--help"} & set(arguments.words):
        print(_help(arguments.verb))
        return 0
    try:
        words, options = _split(arguments.words)
        config = load(_settings(arguments.verb), words)
        if function := VERBS[arguments.verb].function:
            if options:
                raise ConfigError(
                    f"{' '.join(options)}: this verb starts no Spark and takes no options of spark-submit"
                )
            return report(arguments.verb, lambda: _imported(function)(config))
    except DarkroomError as error:
        print(f"darkroom {arguments.verb}: {error}", file=sys.stderr)
        return error.exit_code
    job = Path(jobs.__path__[0]) / f"{arguments.verb}.py"
    return submit(job, words, options, getattr(config, "target", ""))


def _joined(words: Sequence[str]) -> list[str]:
    """Make one word of a verb of two, `platform keys`."""
    verb = " ".join(words[:2])
    return [verb, *words[2:]] if verb in VERBS else list(words)


def _parser() -> argparse.ArgumentParser:
    verbs = "\n".join(f"  {verb:15}{found.purpose}" for verb, found in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="darkroom",
        usage="darkroom VERB [CONF.yaml] key=value ... [spark-submit options]",
        description="Image classification at cluster scale, on Spark.",
        epilog=f"verbs:\n{verbs}\n\n`darkroom VERB --help` shows a verb's keys.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", choices=VERBS, help=argparse.SUPPRESS)
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _help(verb: str) -> str:
    """Return a verb's help: every key with its default, choices and meaning, from the model."""
    on_spark, purpose = not VERBS[verb].function, VERBS[verb].purpose
    lines = [f"usage: darkroom {verb} [CONF.yaml] key=value ...{' [spark-submit options]' * on_spark}", ""]
    lines += [f"{purpose[0].upper()}{purpose[1:]}.", "", "keys:"]
    for key, field in keys_of(_settings(verb)).items():
        lines.append(f"  {key}={'…  (required)' if field.is_required() else _shown(field.default)}")
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        meaning = f"{' | '.join(choices)}. {field.description}" if choices else str(field.description)
        lines += textwrap.wrap(meaning, 100, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join([*lines, *(["", SUBMIT_HELP] if on_spark else [])])


def _shown(default: object) -> str:
    """Write a default as it would be typed."""
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"[{','.join(map(str, default))}]" if isinstance(default, tuple) else str(default)


def _settings(verb: str) -> type[JobConfig]:
    model: type[JobConfig] = _imported(VERBS[verb].settings)
    return model


def _imported(place: str) -> Any:
    """Import what `module:name` names."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part `[CONF] key=value …` from spark-submit's `--option value`."""
    settings: list[str] = []
    options: list[str] = []
    remaining = iter(words)
    for word in remaining:
        if not word.startswith("--"):
            settings.append(word)
        elif "=" in word or word in ("--verbose", "--supervise"):
            options.append(word)
        else:
            options += [word, *([value] if (value := next(remaining, None)) is not None else [])]
    return settings, options


if __name__ == "__main__":
    sys.exit(main())
