"""The platform's state as tables. A request is kept as it came; columns are what changes, is sorted or searched.

Times are seconds since 1970, as AWS's JSON has them.
"""

from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map: ClassVar = {dict[str, Any]: JSON, list[dict[str, Any]]: JSON}


class Resource:
    """What everything with a name has."""

    name: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[float] = mapped_column(index=True)
    request: Mapped[dict[str, Any]]


class Job(Resource):
    """What everything with an end has."""

    modified_at: Mapped[float]
    status: Mapped[str] = mapped_column(index=True)
    failure_reason: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[float | None]
    ended_at: Mapped[float | None]


class TrainingJob(Job, Base):
    """A training job, alone or of a tuning job; `metrics` are those of its epochs."""

    __tablename__ = "training_jobs"

    secondary_status: Mapped[str]
    transitions: Mapped[list[dict[str, Any]]]
    metrics: Mapped[list[dict[str, Any]]]
    artifacts: Mapped[str]
    tuning_job: Mapped[str | None] = mapped_column(ForeignKey("tuning_jobs.name"), index=True)
    tuned: Mapped[dict[str, Any]]
    objective: Mapped[float | None]


class TransformJob(Job, Base):
    """A batch transform job."""

    __tablename__ = "transform_jobs"


class TuningJob(Job, Base):
    """A hyperparameter tuning job."""

    __tablename__ = "tuning_jobs"


class Model(Resource, Base):
    """Where a bundle lies."""

    __tablename__ = "models"


class EndpointConfig(Resource, Base):
    """Which models an endpoint runs, in what shares."""

    __tablename__ = "endpoint_configs"


class Endpoint(Job, Base):
    """A running model; `desired` is being started, `live` answers."""

    __tablename__ = "endpoints"

    desired: Mapped[dict[str, Any]]
    live: Mapped[dict[str, Any]]


class Tag(Base):
    """A label that a user stuck to a resource."""

    __tablename__ = "tags"

    arn: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class AccessKey(Base):
    """A user's key; the secret is encrypted with the key file in home."""

    __tablename__ = "access_keys"

    access_key_id: Mapped[str] = mapped_column(primary_key=True)
    user: Mapped[str]
    secret: Mapped[str]
    created_at: Mapped[float]
