"""Load one run's settings: a flat YAML file plus `key=value` words, checked against a pydantic model."""

import difflib
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from pipelines import storage
from pipelines.errors import ConfigError, DarkroomError


def _absolute(uri: str) -> str:
    try:
        return storage.absolute(uri)
    except ConfigError as error:
        raise ValueError(str(error)) from error


Uri = Annotated[str, AfterValidator(_absolute)]
OptionalUri = Annotated[str, AfterValidator(lambda uri: uri and _absolute(uri))]


class JobConfig(BaseModel):
    """Settings of one run: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True)


Config = TypeVar("Config", bound=JobConfig)


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a model's fields by the keys that users type: `from` where the field has to be called otherwise."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def load(model: type[Config], words: Sequence[str]) -> Config:
    """Build `model` from `[CONF.yaml] key=value …`; later words win over the file. `a.b=1` is the entry `b` of `a`.

    Raises:
        ConfigError: names every key that is unknown, missing or of the wrong type.
    """
    settings: dict[str, Any] = {}
    for position, word in enumerate(words):
        key, separator, value = word.partition("=")
        if separator:
            _put(settings, key, _scalar(value))
        elif position == 0:
            for name, setting in _read_yaml(word).items():
                _put(settings, str(name), setting)
        else:
            raise ConfigError(f"expected key=value, got {word!r}")
    return check(model, settings)


def check(model: type[Config], settings: dict[str, Any], prefix: str = "") -> Config:
    """Build `model` from settings; `prefix` stands before the keys in messages.

    Raises:
        ConfigError: as `load`.
    """
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        problems = "\n  ".join(_explain(model, problem, prefix) for problem in error.errors())
        raise ConfigError(f"the settings are wrong:\n  {problems}") from error


def _put(settings: dict[str, Any], key: str, value: Any) -> None:
    """Set a key; `model_args.width` is the entry `width` of `model_args`."""
    head, dot, rest = key.partition(".")
    if not dot:
        settings[key] = value
        return
    inner = settings.get(head, {})
    if not isinstance(inner, dict):
        raise ConfigError(f"{key}={value}: {head} is {inner!r} already and has no entries; give one or the other")
    settings[head] = dict(inner)
    _put(settings[head], rest, value)


def _scalar(text: str) -> Any:
    try:
        return yaml.safe_load(text) if text else ""
    except (yaml.YAMLError, ValueError):  # ValueError: it looks like a date, and is none
        return text


def _read_yaml(uri: str) -> dict[str, Any]:
    try:
        settings = yaml.safe_load(storage.read_bytes(uri)) or {}
    except (OSError, yaml.YAMLError, DarkroomError) as error:
        raise ConfigError(f"cannot read the conf file {uri}: {error}") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{uri} must hold `key: value` lines, not a {type(settings).__name__}")
    return settings


def _explain(model: type[BaseModel], problem: Any, prefix: str) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return prefix + unknown_key(key, model)
    if problem["type"] == "missing":
        return f"{prefix}{key}: required; give {prefix}{key}=… ({keys_of(model)[key].description})"
    message = problem["msg"].removeprefix("Value error, ")
    if not key:  # it is about several settings together, and names them
        return f"{prefix.rstrip('.')}: {message}" if prefix else message
    return f"{prefix}{key}={problem['input']!r}: {message}"


def unknown_key(key: str, model: type[BaseModel]) -> str:
    """Say that a model has no such key, and which one is near."""
    near = difflib.get_close_matches(key, keys_of(model), n=1)
    hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(keys_of(model))}"
    return f"{key}: unknown key; {hint}"
