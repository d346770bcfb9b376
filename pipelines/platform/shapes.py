"""Hold a document against a shape of botocore's service models: what AWS takes is taken, all else is named."""

import base64
import binascii
import functools
from collections.abc import Iterator
from typing import Any

import regex
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

OWN_SCHEMES = ("file:///", "hdfs://")  # taken wherever AWS takes s3://
_S3_PATTERN = "(https|s3)://"
_REAL = ("float", "double", "timestamp")


def problems(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """Yield one sentence for everything that is wrong with `value`, in AWS's words."""
    if isinstance(shape, StructureShape):
        yield from _of_structure(shape, value, path)
    elif isinstance(shape, ListShape):
        yield from _of_list(shape, value, path)
    elif isinstance(shape, MapShape):
        yield from _of_map(shape, value, path)
    elif isinstance(shape, StringShape):
        yield from _of_string(shape, value, path)
    elif shape.type_name == "blob":
        yield from _of_blob(shape, value, path)
    elif shape.type_name == "boolean":
        if not isinstance(value, bool):
            yield f"Value {value!r} at '{path}' must be true or false"
    elif isinstance(value, bool) or not isinstance(value, (int, float) if shape.type_name in _REAL else int):
        yield f"Value {value!r} at '{path}' must be a number ({shape.type_name})"
    else:
        yield from _outside(shape, value, float(value), path, "value")


def _of_structure(shape: StructureShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"Value {value!r} at '{path}' must be an object"
        return
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
    for name, content in value.items():
        if name not in shape.members:
            yield f"'{_join(path, name)}' is not a member of {shape.name}; its members are {', '.join(shape.members)}"
        elif content is not None:
            yield from problems(shape.members[name], content, _join(path, name))


def _of_list(shape: ListShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"Value {value!r} at '{path}' must be a list"
        return
    yield from _outside(shape, value, len(value), path, "length")
    for number, item in enumerate(value, 1):
        yield from problems(shape.member, item, f"{path}.{number}.member")


def _of_map(shape: MapShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"Value {value!r} at '{path}' must be an object"
        return
    yield from _outside(shape, value, len(value), path, "length")
    for key, content in value.items():
        yield from problems(shape.key, key, f"{path} (key)")
        yield from problems(shape.value, content, _join(path, key))


def _of_string(shape: StringShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"Value {value!r} at '{path}' must be a string"
        return
    failed = f"Value '{value[:200]}' at '{path}' failed to satisfy constraint: Member must"
    if shape.enum and value not in shape.enum:
        yield f"{failed} satisfy enum value set: [{', '.join(shape.enum)}]"
    yield from _outside(shape, value, len(value), path, "length")
    pattern = shape.metadata.get("pattern")
    if pattern and not _matches(pattern, value):
        yield f"{failed} satisfy regular expression pattern: {pattern}"


def _of_blob(shape: Shape, value: Any, path: str) -> Iterator[str]:
    try:
        content = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        yield f"The value at '{path}' must be bytes in base64"
        return
    yield from _outside(shape, "…", len(content), path, "length")


def _outside(shape: Shape, value: Any, measure: float, path: str, what: str) -> Iterator[str]:
    """Hold a value, or its length, against the smallest and the largest that is allowed."""
    failed = f"Value '{str(value)[:200]}' at '{path}' failed to satisfy constraint: Member must have {what}"
    if measure < shape.metadata.get("min", measure):
        yield f"{failed} greater than or equal to {shape.metadata['min']}"
    if measure > shape.metadata.get("max", measure):
        yield f"{failed} less than or equal to {shape.metadata['max']}"


def _matches(pattern: str, value: str) -> bool:
    if pattern.removeprefix("^").startswith(_S3_PATTERN) and value.startswith(OWN_SCHEMES):
        return True
    return _compiled(pattern).fullmatch(value) is not None


@functools.cache
def _compiled(pattern: str) -> regex.Pattern[str]:
    """Compile one of AWS's patterns, which are Java's."""
    return regex.compile(pattern.replace(r"\z", r"\Z"), regex.DOTALL)


def _join(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name
