"""An image that cannot be used, with a reason code."""

from pipelines.errors import DataError


class Rejected(DataError):
    """One file is no usable image; the run goes on and keeps it among the rejects.

    Reasons: empty, not_an_image, unsupported_format, unsupported_mode, truncated, corrupt, too_many_pixels,
    too_many_bytes, unreadable, no_label.
    """

    def __init__(self, reason: str, message: str) -> None:
        """Keep both arguments, so that the error survives pickling."""
        super().__init__(reason, message)
        self.reason = reason

    def __str__(self) -> str:
        """Return the message alone."""
        return str(self.args[1])
