"""A target and its checkpoint belong together: one says what is published, the other what comes next.

Both hold the same random id in `stream.json`. With another checkpoint a target would get everything twice, with
another target a checkpoint would skip what is not there.
"""

import uuid
from typing import Any

from pipelines import storage
from pipelines.errors import ConfigError

NAME = "stream.json"


def pair(target: str, checkpoint: str) -> None:
    """Tie a new target and a new checkpoint together, or see that they are tied already.

    Raises:
        ConfigError: one of them belongs to another stream, or lacks its counterpart.
    """
    ours, theirs = _read(target), _read(checkpoint)
    if ours and ours == theirs:
        return
    if theirs and (theirs["target"] != target or storage.exists(storage.join(checkpoint, "offsets"))):
        raise ConfigError(
            f"checkpoint={checkpoint} belongs to target={theirs['target']}, whose stream.json is "
            f"{'another' if ours else 'not there'}; use that target, or another checkpoint"
        )
    if ours:
        raise ConfigError(
            f"target={target} was written with checkpoint={ours['checkpoint']}; use that one, or another target. "
            "With a new checkpoint everything would be scored a second time"
        )
    if storage.exists(storage.join(target, "predictions")):
        raise ConfigError(f"target={target} holds predictions of something that is no stream; use another target")
    document = {"stream": uuid.uuid4().hex, "target": target, "checkpoint": checkpoint}
    storage.write_json(storage.join(checkpoint, NAME), document)
    storage.write_json(storage.join(target, NAME), document)


def _read(folder: str) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = storage.read_json(storage.join(folder, NAME))
    except FileNotFoundError:
        return None
    return document
