"""Which function answers which operation."""

from collections.abc import Callable
from typing import Any

from botocore.model import OperationModel
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pipelines.platform import configs, endpoints, logs, models, tags, training, transforms, tuning
from pipelines.platform.call import Call
from pipelines.platform.config import PlatformConfig
from pipelines.platform.errors import ApiError
from pipelines.platform.protocol import render

Handler = Callable[[Call], dict[str, Any]]

OPERATIONS: dict[str, dict[str, Handler]] = {
    "sagemaker": {
        "CreateTrainingJob": training.create,
        "DescribeTrainingJob": training.describe,
        "ListTrainingJobs": training.list_jobs,
        "StopTrainingJob": training.stop,
        "CreateHyperParameterTuningJob": tuning.create,
        "DescribeHyperParameterTuningJob": tuning.describe,
        "ListHyperParameterTuningJobs": tuning.list_jobs,
        "StopHyperParameterTuningJob": tuning.stop,
        "ListTrainingJobsForHyperParameterTuningJob": tuning.list_training_jobs,
        "CreateModel": models.create,
        "DescribeModel": models.describe,
        "ListModels": models.list_models,
        "DeleteModel": models.delete,
        "CreateEndpointConfig": configs.create,
        "DescribeEndpointConfig": configs.describe,
        "ListEndpointConfigs": configs.list_configs,
        "DeleteEndpointConfig": configs.delete,
        "CreateEndpoint": endpoints.create,
        "DescribeEndpoint": endpoints.describe,
        "UpdateEndpoint": endpoints.update,
        "ListEndpoints": endpoints.list_endpoints,
        "DeleteEndpoint": endpoints.delete,
        "CreateTransformJob": transforms.create,
        "DescribeTransformJob": transforms.describe,
        "ListTransformJobs": transforms.list_jobs,
        "StopTransformJob": transforms.stop,
        "AddTags": tags.add,
        "ListTags": tags.list_tags,
        "DeleteTags": tags.delete,
    },
    "logs": {
        "DescribeLogStreams": logs.describe_log_streams,
        "GetLogEvents": logs.get_log_events,
    },
}


def answer(engine: Engine, config: PlatformConfig, operation: OperationModel, document: dict[str, Any]) -> bytes:
    """Answer a request that fits its operation's shape, in one transaction.

    Raises:
        ApiError: the request is refused, or this platform does not offer the operation.
    """
    handler = OPERATIONS[operation.service_model.service_name].get(operation.name)
    if handler is None:
        raise ApiError("UnknownOperationException", f"{operation.name} is not offered by this platform")
    with Session(engine) as session, session.begin():
        said = handler(Call(operation, document, session, config))
    return render(operation, said)
