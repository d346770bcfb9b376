"""A storage as petastorm 0.13 wants it: pyarrow's old filesystem class, around an fsspec filesystem.

Only with this class does pyarrow 14 take the code path whose arguments petastorm uses.
"""

import warnings
from collections.abc import Iterator
from typing import Any

from fsspec import AbstractFileSystem


def is_local(filesystem: Any) -> bool:
    """Say whether it is pyarrow's old class for this machine's files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        from pyarrow.filesystem import LocalFileSystem

        return isinstance(filesystem, LocalFileSystem)


def legacy(filesystem: AbstractFileSystem) -> Any:
    """Wrap an fsspec filesystem; paths may carry a scheme and an authority, which are dropped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        from pyarrow.filesystem import DaskFileSystem

        class Legacy(DaskFileSystem):  # type: ignore[misc]
            def isdir(self, path: Any) -> bool:
                return bool(self.fs.isdir(self._plain(path)))

            def isfile(self, path: Any) -> bool:
                return bool(self.fs.isfile(self._plain(path)))

            def exists(self, path: Any) -> bool:
                return bool(self.fs.exists(self._plain(path)))

            def open(self, path: Any, mode: str = "rb") -> Any:
                return self.fs.open(self._plain(path), mode=mode)

            def ls(self, path: Any, detail: bool = False) -> list[str]:  # noqa: ARG002
                return [self._plain(item) for item in self.fs.ls(self._plain(path), detail=False)]

            def walk(self, path: Any) -> Iterator[tuple[str, list[str], list[str]]]:
                for folder, folders, files in self.fs.walk(self._plain(path)):
                    yield folder, list(folders), list(files)

            def _plain(self, path: Any) -> str:
                return str(self.fs._strip_protocol(str(path)))

        return Legacy(filesystem)
