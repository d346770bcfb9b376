"""Code of the user's own: found with what it imports, carried as text, imported from that text."""

import ast
import functools
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import sysconfig
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from pipelines import storage
from pipelines.errors import ConfigError

MAX_BYTES = 4 * 2**20  # of all files of one import together
DARKROOM = ("pipelines", "jobs")  # on every executor already
_importing = threading.RLock()


class Code(NamedTuple):
    """`entry` is FILE.py:NAME or MODULE:NAME; `sources` are its files' paths and texts.

    Without sources the module is one of an installed package, which executors have too.
    """

    entry: str
    sources: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Return the name in the module."""
        return self.entry.rpartition(":")[2]

    @property
    def module(self) -> str:
        """Return the module's name."""
        return self.entry.rpartition(":")[0].removesuffix(".py")

    @property
    def sha256(self) -> str:
        """Return the hex SHA-256 of the entry and all files."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


def is_own(name: str) -> bool:
    """Say whether a setting names code (FILE.py:NAME, MODULE:NAME) and not something built in."""
    return ":" in name


def absolute(name: str) -> str:
    """Make the file of FILE.py:NAME an absolute URI; other names stay as they are."""
    place, _, attribute = name.rpartition(":")
    return f"{storage.absolute(place)}:{attribute}" if place.endswith(".py") else name


def collect(key: str, name: str) -> Code:
    """Read the code that the setting `key` names: its file, and the files beside it that it imports.

    Raises:
        ConfigError: there is no such file or module, it is no Python, or it is too large.
    """
    place, _, attribute = name.rpartition(":")
    if place.endswith(".py"):
        root, _, file = storage.absolute(place).rpartition("/")
        if not storage.exists(storage.join(root, file)):
            raise ConfigError(f"{key}={name}: there is no file {place}")
        if "." in file.removesuffix(".py"):
            raise ConfigError(f"{key}={name}: a module's name has no dot in it; rename {file}")
        return Code(f"{file}:{attribute}", _read(f"{key}={name}", root, file.removesuffix(".py")))
    top = place.split(".")[0]
    spec = importlib.machinery.PathFinder.find_spec(top, [*sys.path, str(Path.cwd())])
    if spec is None and top not in sys.builtin_module_names:
        raise ConfigError(f"{key}={name}: no module {top!r}; for a file write {top}.py:{attribute}")
    if spec is None or top in DARKROOM or (folder := _folder_of(spec)) is None:
        return Code(name)
    return Code(name, _read(f"{key}={name}", f"file://{folder}", place))


def _folder_of(spec: importlib.machinery.ModuleSpec) -> Path | None:
    """Return the folder that holds a module or package, None for those that are installed."""
    places = spec.submodule_search_locations or [spec.origin or ""]
    folder = Path(next(iter(places))).resolve().parent
    installed = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platlib", "purelib")]
    return None if any(folder.is_relative_to(place) for place in installed) else folder


def _read(setting: str, root: str, module: str) -> tuple[tuple[str, str], ...]:
    """Read a module below `root`, its packages, and all modules below `root` that they import."""
    sources: dict[str, str] = {}
    looked_at, waiting = set[str](), [module]
    while waiting:
        name = waiting.pop()
        if name in looked_at or name.split(".")[0] in DARKROOM:
            continue
        looked_at.add(name)
        path = name.replace(".", "/")
        found = next((file for file in (f"{path}.py", f"{path}/__init__.py") if _is_file(root, file)), None)
        if found is None:
            continue
        sources[found] = storage.read_bytes(storage.join(root, found)).decode(errors="replace")
        if sum(map(len, sources.values())) > MAX_BYTES:
            raise ConfigError(f"{setting} imports more than {MAX_BYTES} bytes of code from {root}; is that its folder?")
        package = name if found.endswith("__init__.py") else name.rpartition(".")[0]
        waiting += [name.rpartition(".")[0]] * ("." in name)
        waiting += _imports(setting, found, sources[found], package)
    if not sources:
        raise ConfigError(f"{setting}: no module {module!r} in {root}")
    return tuple(sorted(sources.items()))


def _is_file(root: str, path: str) -> bool:
    entry = storage.stat(storage.join(root, path))
    return entry is not None and not entry.is_dir


def _imports(setting: str, file: str, text: str, package: str) -> Iterator[str]:
    """Yield the names of the modules that a module may import."""
    try:
        tree = ast.parse(text, file)
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{setting} is no Python: {error}") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from [base, *(f"{base}.{item.name}" for item in node.names)]


def send(words: Sequence[str], folder: str) -> list[str]:
    """Write the code that `key=FILE.py:NAME` words name to `folder`; return the words with the new places.

    For a driver on another machine; words that name no file of this one stay as they are.
    """
    sent = []
    for word in words:
        key, _, value = word.partition("=")
        place = value.rpartition(":")[0]
        if place.endswith(".py") and storage.absolute(place).startswith("file://"):
            code = collect(key, value)
            aside = storage.join(folder, code.sha256[:16])
            for path, text in code.sources:
                storage.write_bytes(storage.join(aside, path), text.encode())
            word = f"{key}={storage.join(aside, code.entry)}"
        sent.append(word)
    return sent


def load_object(key: str, code: Code) -> Any:
    """Import the code and return what its entry names.

    Raises:
        ConfigError: the module cannot be imported, or has no such name.
    """
    try:
        module = _import(code)
    except Exception as error:
        raise ConfigError(f"{key}={code.entry} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(module, code.name):
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        raise ConfigError(f"{key}={code.entry}: the module has no {code.name!r}; it has {', '.join(own) or 'nothing'}")
    return getattr(module, code.name)


@functools.lru_cache(maxsize=64)
def _import(code: Code) -> ModuleType:
    """Import from the texts alone; modules of the same names, of other code, stay what they are."""
    if not code.sources:
        return importlib.import_module(code.module)
    texts = _Texts(code)
    tops = {name.split(".")[0] for name in texts.paths}
    with _importing:
        others = {name: module for name, module in sys.modules.items() if name.split(".")[0] in tops}
        for name in others:
            del sys.modules[name]
        sys.meta_path.insert(0, texts)
        try:
            return importlib.import_module(code.module)
        finally:
            sys.meta_path.remove(texts)
            for name in [name for name in sys.modules if name.split(".")[0] in tops]:
                del sys.modules[name]
            sys.modules.update(others)


class _Texts(importlib.abc.MetaPathFinder, importlib.abc.ExecutionLoader):
    """Finds and loads modules from a Code's texts."""

    def __init__(self, code: Code) -> None:
        self._texts = dict(code.sources)
        self.paths = {
            path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in self._texts
        }

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if self._has(fullname) else None

    def _has(self, fullname: str) -> bool:
        """Say whether the name is a module's, or that of a folder with modules but without an __init__.py."""
        return fullname in self.paths or any(name.startswith(f"{fullname}.") for name in self.paths)

    def is_package(self, fullname: str) -> bool:
        path = self.paths.get(fullname)
        return path is None or path.endswith("/__init__.py")

    def get_filename(self, fullname: str) -> str:
        return self.paths.get(fullname, fullname)

    def get_source(self, fullname: str) -> str:
        return self._texts.get(self.get_filename(fullname), "")
