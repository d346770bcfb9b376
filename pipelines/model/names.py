"""Names with versions: `models/clothing@production` is a small file that says which bundle it means now.

Bundles under a name never change: `promote` copies them to `models/clothing@versions/MODEL_ID`, then replaces the
file, in one step. Whoever reads the name once has a URI whose content stays.
"""

import re

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines import storage
from pipelines.errors import ConfigError, DataError

_NAME = re.compile(r"[^@/]+@(?!versions$)[\w.-]+")


class Version(BaseModel):
    """One bundle that a name has meant: its folder below the name's folder, and since when (UTC, ISO 8601)."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    model_id: str
    bundle: str
    promoted_at: str


class Named(BaseModel):
    """The file of a name: the version it means now, and those before it, the latest first."""

    model_config = ConfigDict(frozen=True)

    current: Version
    previous: tuple[Version, ...] = ()


def is_name(uri: str) -> bool:
    """Say whether the last part of a URI is written like a name, as in `models/clothing@production`."""
    return _NAME.fullmatch(uri.rsplit("/", 1)[-1]) is not None


def versions_uri(name: str) -> str:
    """Return the folder with the bundles of a name; all names before one @ share it."""
    return f"{name.rpartition('@')[0]}@versions"


def bundle_uri(name: str, version: Version) -> str:
    """Return where the bundle of a version lies."""
    return storage.join(name.rpartition("/")[0], version.bundle)


def read_name(name: str) -> Named | None:
    """Read the file of a name, None if there is none yet.

    Raises:
        DataError: it is not such a file.
    """
    try:
        return Named.model_validate(storage.read_json(name))
    except FileNotFoundError:
        return None
    except (ValidationError, ValueError) as error:
        raise DataError(f"{name} is not the file of a model's name: {error}; promote a bundle to it again") from error


def resolve(uri: str) -> str:
    """Return the URI of the bundle that `uri` means: the current version of a name, else `uri` itself.

    Raises:
        ConfigError: it is written like a name, and there is no such name.
    """
    if not is_name(uri) or storage.is_dir(uri):
        return uri
    if (named := read_name(uri)) is None:
        raise ConfigError(f"model={uri}: there is no such name; make it with darkroom promote model=BUNDLE name={uri}")
    return bundle_uri(uri, named.current)
