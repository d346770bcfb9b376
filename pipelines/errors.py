"""Everything that darkroom raises on purpose, sorted by what the caller can do about it.

DarkroomError          exit 1: something else went wrong
├── StorageError       exit 1: a storage refuses or does not answer; look at it, then run again
├── ConfigError        exit 2: the run was described wrongly; fix the conf
└── DataError          exit 3: the data is wrong; fix the data, or the limit that the message names

Messages say what happened, the value, the setting's name and the remedy. All take one positional
message, so that they survive the pickling on their way from an executor.
"""


class DarkroomError(Exception):
    """Base of all errors raised on purpose: one `except` for jobs and services."""

    exit_code = 1


class StorageError(DarkroomError):
    """A storage refuses or does not answer. Permissions, addresses or servers need a look."""


class ConfigError(DarkroomError):
    """The run was described wrongly. Fix the conf; retrying will not help."""

    exit_code = 2


class DataError(DarkroomError):
    """The data cannot be used: nothing readable, or more rejects than the run tolerates."""

    exit_code = 3
