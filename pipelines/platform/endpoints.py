"""Endpoints, as clients see them. What they run is kept with them: a config or a model may be deleted meanwhile."""

import time
from typing import Any

from pipelines import storage
from pipelines.platform.call import Call
from pipelines.platform.errors import refused
from pipelines.platform.listing import page
from pipelines.platform.models import bundle_of
from pipelines.platform.tables import Endpoint, EndpointConfig, Model

KIND = "endpoint"


def create(call: Call) -> dict[str, Any]:
    """CreateEndpoint."""
    now = time.time()
    row = Endpoint(
        name=call.request["EndpointName"],
        created_at=now,
        modified_at=now,
        request=call.request,
        status="Creating",
        desired=_deployment(call, 1),
        live={},
    )
    return {"EndpointArn": call.add(row, KIND)}


def update(call: Call) -> dict[str, Any]:
    """UpdateEndpoint: the new workers answer once all of them are ready; until then the old ones do."""
    row = call.find(Endpoint, call.request["EndpointName"], KIND)
    if row.status not in ("InService", "Failed"):
        raise refused(f"Cannot update in-progress endpoint {row.name!r}: it is {row.status}")
    row.desired = _deployment(call, row.desired["generation"] + 1)
    row.status, row.failure_reason, row.modified_at = "Updating" if row.live else "Creating", None, time.time()
    return {"EndpointArn": call.config.arn(KIND, row.name)}


def _deployment(call: Call, generation: int) -> dict[str, Any]:
    """Return what the request's config asks for, with the bundles of its models."""
    config = call.find(EndpointConfig, call.request["EndpointConfigName"], "endpoint-config")
    variants = []
    for given in config.request["ProductionVariants"]:
        model = call.find(Model, given["ModelName"], "model")
        variants.append(
            {
                "name": given["VariantName"],
                "model": storage.absolute(bundle_of(model.request)),
                "weight": given.get("InitialVariantWeight", 1.0),
                "count": max(1, given.get("InitialInstanceCount", 1)),
            }
        )
    return {"generation": generation, "config": config.name, "variants": variants, "began_at": time.time()}


def describe(call: Call) -> dict[str, Any]:
    """DescribeEndpoint."""
    row = call.find(Endpoint, call.request["EndpointName"], KIND)
    shown = row.live or row.desired
    variants = [
        {
            "VariantName": variant["name"],
            "CurrentWeight": variant["weight"],
            "DesiredWeight": variant["weight"],
            "CurrentInstanceCount": variant["count"] if row.live else 0,
            "DesiredInstanceCount": variant["count"],
        }
        for variant in shown["variants"]
    ]
    return {
        "EndpointName": row.name,
        "EndpointArn": call.config.arn(KIND, row.name),
        "EndpointConfigName": shown["config"],
        "ProductionVariants": variants,
        "EndpointStatus": row.status,
        "FailureReason": row.failure_reason,
        "CreationTime": row.created_at,
        "LastModifiedTime": row.modified_at,
    }


def list_endpoints(call: Call) -> dict[str, Any]:
    """ListEndpoints."""
    rows, token = page(call, Endpoint, order="Descending")
    summaries = [
        {
            "EndpointName": row.name,
            "EndpointArn": call.config.arn(KIND, row.name),
            "CreationTime": row.created_at,
            "LastModifiedTime": row.modified_at,
            "EndpointStatus": row.status,
        }
        for row in rows
    ]
    return {"Endpoints": summaries, "NextToken": token}


def delete(call: Call) -> dict[str, Any]:
    """DeleteEndpoint: it is Deleting until its workers have answered what they have, then it is gone."""
    row = call.find(Endpoint, call.request["EndpointName"], KIND)
    row.status, row.modified_at = "Deleting", time.time()
    return {}
