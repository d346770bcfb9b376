"""A bundle as one `.tar.gz`: the same files, packed the same way every time."""

import gzip
import io
import tarfile
from collections.abc import Mapping

from pipelines.errors import DataError

MAX_BYTES = 8 * 2**30  # of all files together, unpacked


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a `.tar.gz` of files by name; equal files give equal bytes (no times, no owners, sorted)."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            tar.addfile(member, io.BytesIO(files[name]))
    return packed.getvalue()


def unpack(content: bytes, uri: str) -> dict[str, bytes]:
    """Return the regular files of a `.tar.gz` by name; nothing is written to disk, so no path can escape.

    Raises:
        DataError: it is damaged, or larger than 8 GiB unpacked.
    """
    files: dict[str, bytes] = {}
    num_bytes = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r|gz") as tar:
            for member in tar:
                num_bytes += member.size
                if num_bytes > MAX_BYTES:
                    raise DataError(f"{uri} holds more than {MAX_BYTES} bytes unpacked; that is no model bundle")
                if member.isreg() and (file := tar.extractfile(member)):
                    files[member.name.removeprefix("./")] = file.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{uri} is no whole .tar.gz: {error}; copy it again") from error
    return files
