"""Settings of `promote` and `rollback`."""

from typing import Annotated

from pydantic import AfterValidator, Field

from pipelines.config import JobConfig, Uri
from pipelines.model.names import is_name


def _name(uri: str) -> str:
    if not is_name(uri):
        raise ValueError("a name is written MODEL@ALIAS, as in models/photos@production; versions is no alias")
    return uri


Name = Annotated[Uri, AfterValidator(_name)]


class PromoteConfig(JobConfig):
    """One run of `promote`."""

    model: Uri = Field(
        description="bundle to promote: its folder, its .tar.gz, or another name, as in models/x@staging"
    )
    name: Name = Field(description="the name that shall mean it, as in models/photos@production")
    trust_code: bool = Field(False, description="run the code of its own that the bundle may bring")


class RollbackConfig(JobConfig):
    """One run of `rollback`."""

    name: Name = Field(description="the name that shall mean its previous version again")
    trust_code: bool = Field(False, description="run the code of its own that the bundle may bring")
