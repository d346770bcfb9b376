"""The channels of a training job: what a request may say of them."""

from typing import Any, NamedTuple

from pipelines import storage
from pipelines.dataset import manifest_uri
from pipelines.errors import ConfigError, DataError
from pipelines.platform.errors import refused

SPLITS = {"train": "train", "validation": "val"}
KINDS = ("train", "validation", "train_lst", "validation_lst", "model")
CONTENT_TYPES = (
    "application/x-image",
    "image/jpeg",
    "image/png",
    "application/x-parquet",
    "application/x-sagemaker-model",
    "application/x-recordio",  # of an augmented manifest, whose photos are files all the same
    "",
)


class Channel(NamedTuple):
    """Where a channel's data lies; `kind` is AWS's S3DataType, `attributes` those of an augmented manifest."""

    uri: str
    kind: str
    attributes: tuple[str, ...]


def read_channels(request: dict[str, Any]) -> dict[str, Channel]:
    """Return a request's channels by name.

    Raises:
        ApiError: ValidationException, for what the algorithm does not take.
    """
    channels: dict[str, Channel] = {}
    for given in request.get("InputDataConfig", []):
        name = given["ChannelName"]
        if name not in KINDS:
            raise refused(f"channel {name!r} is unknown to image-classification; it has {', '.join(KINDS)}")
        if name in channels:
            raise refused(f"channel {name!r} is given twice")
        channels[name] = _read_channel(name, given)
    if "train" not in channels:
        raise refused("InputDataConfig needs a channel train")
    for name in SPLITS:
        if f"{name}_lst" in channels and name not in channels:
            raise refused(f"channel {name}_lst lists photos of a channel {name}, which is missing")
    return channels


def _read_channel(name: str, given: dict[str, Any]) -> Channel:
    source = given["DataSource"].get("S3DataSource")
    if source is None:
        raise refused(f"channel {name!r} needs a DataSource.S3DataSource; its S3Uri may be s3://, hdfs:// or file:///")
    content_type, kind = given.get("ContentType", "").split(";")[0].strip(), source["S3DataType"]
    is_recordio = content_type == "application/x-recordio" and kind != "AugmentedManifestFile"
    if content_type not in CONTENT_TYPES or is_recordio:
        raise refused(
            f"channel {name!r}: ContentType {content_type} is not read here; give the photos themselves as "
            "application/x-image (or image/jpeg, image/png), or a darkroom dataset as application/x-parquet"
        )
    if given.get("CompressionType", "None") != "None":
        raise refused(f"channel {name!r}: CompressionType {given['CompressionType']} is not read here")
    if kind not in ("S3Prefix", "AugmentedManifestFile"):
        raise refused(f"channel {name!r}: S3DataType {kind} is not read here; S3Prefix and AugmentedManifestFile are")
    attributes = tuple(source.get("AttributeNames", ()))
    if kind == "AugmentedManifestFile" and len(attributes) != 2:
        raise refused(f"channel {name!r}: AttributeNames must be two, as in ['source-ref', 'class']")
    try:
        return Channel(storage.absolute(source["S3Uri"]), kind, attributes)
    except ConfigError as error:
        raise refused(f"channel {name!r}: {error}") from error


def dataset_of(channels: dict[str, Channel]) -> str:
    """Return the darkroom dataset that the channel train is, empty if it is none.

    Raises:
        DataError: the channel validation is something else.
    """
    uri = channels["train"].uri
    if not storage.exists(manifest_uri(uri)):
        return ""
    if "validation" in channels and channels["validation"].uri != uri:
        raise DataError(
            f"channel train is a dataset ({uri}), which has a val split of its own; leave the channel validation out"
        )
    return uri
