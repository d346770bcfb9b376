"""Endpoint configurations: which models, in what shares."""

import time
from typing import Any

from pipelines.platform.call import Call
from pipelines.platform.errors import refused
from pipelines.platform.listing import page
from pipelines.platform.tables import EndpointConfig, Model

KIND = "endpoint-config"
NOT_HERE = ("ServerlessConfig", "InstancePools")


def create(call: Call) -> dict[str, Any]:
    """CreateEndpointConfig."""
    variants = call.request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) != len(names):
        raise refused(f"VariantName must be unique, got {', '.join(names)}")
    for variant in variants:
        if found := [key for key in NOT_HERE if key in variant]:
            raise refused(f"{found[0]} is not run here; give ModelName, InitialInstanceCount and InitialVariantWeight")
        if "ModelName" not in variant:
            raise refused(f"variant {variant['VariantName']} needs a ModelName")
        call.find(Model, variant["ModelName"], "model")
    if not sum(variant.get("InitialVariantWeight", 1.0) for variant in variants):
        raise refused("the variants' InitialVariantWeight must not all be 0")
    for key in ("AsyncInferenceConfig", "DataCaptureConfig", "ExplainerConfig", "ShadowProductionVariants"):
        if key in call.request:
            raise refused(f"{key} is not run here; leave it out")
    row = EndpointConfig(name=call.request["EndpointConfigName"], created_at=time.time(), request=call.request)
    return {"EndpointConfigArn": call.add(row, KIND)}


def describe(call: Call) -> dict[str, Any]:
    """DescribeEndpointConfig."""
    row = call.find(EndpointConfig, call.request["EndpointConfigName"], KIND)
    variants = [{"InitialVariantWeight": 1.0, **variant} for variant in row.request["ProductionVariants"]]
    return {
        **call.repeated(row.request),
        "ProductionVariants": variants,
        "EndpointConfigArn": call.config.arn(KIND, row.name),
        "CreationTime": row.created_at,
    }


def list_configs(call: Call) -> dict[str, Any]:
    """ListEndpointConfigs."""
    rows, token = page(call, EndpointConfig, order="Descending")
    summaries = [
        {
            "EndpointConfigName": row.name,
            "EndpointConfigArn": call.config.arn(KIND, row.name),
            "CreationTime": row.created_at,
        }
        for row in rows
    ]
    return {"EndpointConfigs": summaries, "NextToken": token}


def delete(call: Call) -> dict[str, Any]:
    """DeleteEndpointConfig; endpoints that were made with it run on."""
    call.remove(call.find(EndpointConfig, call.request["EndpointConfigName"], KIND), KIND)
    return {}
