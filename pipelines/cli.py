"""The `darkroom` command: check a verb's settings, then start its job as spark-submit would."""

import argparse
import importlib
import itertools
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import jobs
from pipelines.config import JobConfig, load
from pipelines.errors import DarkroomError

VERBS = {
    "ingest": ("pipelines.ingest.config:IngestConfig", "turn a source of photos into a Parquet dataset"),
    "train": ("pipelines.train.config:TrainConfig", "train a network on a dataset with Horovod on Spark"),
    "evaluate": (
        "pipelines.evaluate.config:EvaluateConfig",
        "measure a model bundle on a split of a dataset",
    ),
    "score": ("pipelines.score.config:ScoreConfig", "predict the classes of photos or of a dataset"),
}
SUBMIT_HELP = "Options such as --master yarn --deploy-mode cluster --queue training go to spark-submit as they are."


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line; replace this process by spark-submit, or return an exit code."""
    arguments = _parser().parse_args(argv)
    if {"-h", "--help"} & set(arguments.words):
        print(_help(arguments.verb))
        return 0
    try:
        words, options = _split(arguments.words)
        load(_config_model(arguments.verb), words)
    except DarkroomError as error:
        print(f"darkroom {arguments.verb}: {error}", file=sys.stderr)
        return error.exit_code
    job = Path(jobs.__path__[0]) / f"{arguments.verb}.py"
    conf = job.parent.parent / "conf" / "spark"
    _submit([*_properties(options, conf), *_s3_options(words, conf), *options], job, words)
    return 1


def _parser() -> argparse.ArgumentParser:
    verbs = "\n".join(f"  {verb:12}{purpose}" for verb, (_, purpose) in VERBS.items())
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
    """Return a verb's help: every key with its meaning and default, from the model."""
    lines = [f"usage: darkroom {verb} [CONF.yaml] key=value ... [spark-submit options]", ""]
    lines += [f"{VERBS[verb][1][0].upper()}{VERBS[verb][1][1:]}.", "", "keys:"]
    for key, field in _config_model(verb).model_fields.items():
        default = "required" if field.is_required() else f"default {field.default!r}"
        lines.append(f"  {key:24}{field.description} ({default})")
    return "\n".join([*lines, "", SUBMIT_HELP])


def _config_model(verb: str) -> type[JobConfig]:
    module, _, name = VERBS[verb][0].partition(":")
    model: type[JobConfig] = getattr(importlib.import_module(module), name)
    return model


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


def _properties(options: Sequence[str], conf: Path) -> list[str]:
    """Choose CONF/MASTER.conf, unless the user names a properties file."""
    if any(option.startswith("--properties-file") for option in options):
        return []
    master = options[options.index("--master") + 1] if "--master" in options else "local"
    kinds = {"yarn": "yarn", "spark": "standalone", "mesos": "mesos", "k8s": "kubernetes"}
    return ["--properties-file", str(conf / f"{kinds.get(master.split(':')[0], 'local')}.conf")]


def _s3_options(words: Sequence[str], conf: Path) -> list[str]:
    """Return the settings of CONF/s3.conf where a URI is on S3; a user's own come later and win."""
    if not any("=s3://" in word or "=s3a://" in word for word in words):
        return []
    lines = [line.split(maxsplit=1) for line in (conf / "s3.conf").read_text().splitlines()]
    return [part for line in lines if len(line) == 2 and line[0] != "#" for part in ("--conf", "=".join(line))]


def _submit(options: Sequence[str], job: Path, words: Sequence[str]) -> None:
    """Become the job. In cluster mode that is spark-submit.

    In client mode it is Python, which has spark-submit start the JVM: the other way round Spark would mix the job's
    stderr into its stdout and hide the terminal from progress bars.
    """
    import pyspark

    spark_home = os.environ.get("SPARK_HOME") or str(Path(pyspark.__file__).parent)
    environment = {
        "PYSPARK_PYTHON": sys.executable,
        **os.environ,
        "SPARK_HOME": spark_home,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    command = [sys.executable, str(job), *words]
    if _is_cluster_mode(options):
        command = [str(Path(spark_home) / "bin" / "spark-submit"), *options, str(job), *words]
    else:
        environment["PYSPARK_SUBMIT_ARGS"] = shlex.join([*options, "pyspark-shell"])
    sys.stdout.flush()
    os.execve(command[0], command, environment)


def _is_cluster_mode(options: Sequence[str]) -> bool:
    pairs = [*itertools.pairwise(options), *(option.split("=", 1) for option in options if "=" in option)]
    return ["--deploy-mode", "cluster"] in [list(pair) for pair in pairs]


if __name__ == "__main__":
    sys.exit(main())
