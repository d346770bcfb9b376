"""Read an image's file, wherever it is."""

from pipelines import storage
from pipelines.errors import StorageError
from pipelines.images.policy import Policy
from pipelines.images.reject import Rejected


def read_image(uri: str, size_bytes: int | None, policy: Policy) -> bytes:
    """Read a file whole, if it is there and not over `max_bytes`.

    Raises:
        Rejected: too_many_bytes, or unreadable with the reason that the storage gives.
        StorageError: a server did not answer; the task is worth another try, the file is not to blame.
    """
    try:
        if size_bytes is None:
            size_bytes = entry.size_bytes if (entry := storage.stat(uri)) else 0
        if size_bytes > policy.max_bytes:
            raise Rejected("too_many_bytes", f"{size_bytes} bytes are more than max_bytes={policy.max_bytes}")
        return storage.read_bytes(uri)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise Rejected("unreadable", f"{type(error).__name__}: {error}") from error
    except StorageError as error:
        if isinstance(error.__cause__, PermissionError) or storage.local_path(uri):
            raise Rejected("unreadable", str(error)) from error
        raise
