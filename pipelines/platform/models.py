"""Models: names for bundles."""

import time
from typing import Any

from pipelines import storage
from pipelines.errors import ConfigError
from pipelines.platform.call import Call
from pipelines.platform.errors import refused
from pipelines.platform.listing import page
from pipelines.platform.tables import Model

KIND = "model"


def create(call: Call) -> dict[str, Any]:
    """CreateModel."""
    try:
        storage.absolute(bundle_of(call.request))
    except ConfigError as error:
        raise refused(str(error)) from error
    row = Model(name=call.request["ModelName"], created_at=time.time(), request=call.request)
    return {"ModelArn": call.add(row, KIND)}


def bundle_of(request: dict[str, Any]) -> str:
    """Return where a model's bundle lies.

    Raises:
        ApiError: the request does not name one.
    """
    containers = [request["PrimaryContainer"]] if "PrimaryContainer" in request else request.get("Containers", [])
    if len(containers) != 1:
        raise refused("a model is one container, PrimaryContainer; inference pipelines are not run here")
    container = containers[0]
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri: str = container.get("ModelDataUrl") or source.get("S3Uri", "")
    if not uri:
        raise refused(
            "PrimaryContainer.ModelDataUrl is missing: the model.tar.gz of a training job, or a bundle's folder"
        )
    return uri


def describe(call: Call) -> dict[str, Any]:
    """DescribeModel."""
    model = call.find(Model, call.request["ModelName"], KIND)
    return {
        **call.repeated(model.request),
        "ModelArn": call.config.arn(KIND, model.name),
        "CreationTime": model.created_at,
        "EnableNetworkIsolation": False,
    }


def list_models(call: Call) -> dict[str, Any]:
    """ListModels."""
    models, token = page(call, Model, order="Descending")
    summaries = [
        {"ModelName": row.name, "ModelArn": call.config.arn(KIND, row.name), "CreationTime": row.created_at}
        for row in models
    ]
    return {"Models": summaries, "NextToken": token}


def delete(call: Call) -> dict[str, Any]:
    """DeleteModel: the name; the bundle stays where it is, and so do endpoints that run it."""
    call.remove(call.find(Model, call.request["ModelName"], KIND), KIND)
    return {}
