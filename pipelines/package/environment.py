"""Which files a Python environment consists of: the interpreter, darkroom, and all that it needs as installed here."""

import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import pipelines
from pipelines.errors import ConfigError

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
SITE = f"lib/{PYTHON}/site-packages"
OWN_FOLDERS = ("pipelines", "jobs", "conf")
NOT_PACKED = {"__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib"}
# pip writes where a package came from: a path of this machine.
NOT_FROM_DISTRIBUTIONS = {"direct_url.json", "RECORD", "INSTALLER", "uv_cache.json"}


def files(extras: Sequence[str], skip: Sequence[str]) -> dict[str, Path]:
    """Return the files by their place in the archive, as in bin/python3.11.

    Raises:
        ConfigError: a package that is needed is not installed here.
    """
    found = dict(_interpreter())
    for package in distributions("darkroom", extras, skip):
        if canonicalize_name(package.name) != "darkroom":
            found |= dict(_files_of(package))
    home = Path(pipelines.__path__[0]).parent
    return found | {f"{SITE}/{place}": path for folder in OWN_FOLDERS for place, path in _tree(home, folder)}


def distributions(name: str, extras: Sequence[str], skip: Sequence[str]) -> list[Distribution]:
    """Return a package and all that it needs, by name; `skip` and what only they need are left out."""
    found: dict[str, Distribution] = {}
    skipped = {canonicalize_name(package) for package in skip}
    open_ends = [(name, tuple(extras))]
    seen = set(open_ends)
    while open_ends:
        name, wanted = open_ends.pop()
        found[canonicalize_name(name)] = package = _installed(name)
        for line in package.requires or []:
            requirement = Requirement(line)
            end = (requirement.name, tuple(sorted(requirement.extras)))
            applies = any(
                requirement.marker is None or requirement.marker.evaluate({"extra": extra}) for extra in ("", *wanted)
            )
            if applies and canonicalize_name(requirement.name) not in skipped and end not in seen:
                seen.add(end)
                open_ends.append(end)
    return [found[key] for key in sorted(found)]


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise ConfigError(f"{name} is not installed here; install it, or leave its extra out of extras=[…]") from error


def _files_of(package: Distribution) -> Iterator[tuple[str, Path]]:
    """Give what a package put into site-packages; its scripts name this machine's Python and stay."""
    for file in package.files or []:
        outside = file.parts[0] == ".." or "__pycache__" in file.parts or file.name in NOT_FROM_DISTRIBUTIONS
        path = Path(str(package.locate_file(file)))
        if not outside and path.is_file():
            yield f"{SITE}/{file.as_posix()}", path


def _interpreter() -> Iterator[tuple[str, Path]]:
    """Give the Python that the environment was made from, with its standard library."""
    base = Path(sys.base_prefix)
    yield f"bin/{PYTHON}", Path(sys.executable).resolve()
    for folder in {
        sysconfig.get_path(kind, vars={"base": str(base), "platbase": str(base)}) for kind in ("stdlib", "platstdlib")
    }:
        yield from _tree(base, str(Path(folder).relative_to(base)))
    for library in sorted((base / "lib").glob("libpython3*.so*")):
        yield f"lib/{library.name}", library


def _tree(root: Path, folder: str) -> Iterator[tuple[str, Path]]:
    """Give the files below root/folder by their path from `root`."""
    for path in sorted((root / folder).rglob("*")):
        inside = path.relative_to(root)
        built = any(part.startswith("config-") for part in inside.parts)  # what C extensions are linked with
        if path.is_file() and not built and not NOT_PACKED & set(inside.parts):
            yield inside.as_posix(), path
