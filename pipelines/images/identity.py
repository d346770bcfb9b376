"""Name a file by its content."""

import hashlib


def image_id(content: bytes) -> str:
    """Return the hex BLAKE2b-128 of a file's bytes."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()
