"""A reduced copy of botocore's data files, with only what the Lambda function needs.

botocore reads the model of a service when it creates a client. DynamoDB's whole model and the
endpoints of all AWS services take 40 ms of CPU and 10 MB of memory at each cold start.
"""

from __future__ import annotations

from typing import Any

from botocore.loaders import Loader

from itsm_app.storage.connection import DOCUMENTS

# The operations that `itsm_app` uses in the Lambda functions. The policies of their roles allow the
# same, with search.
OPERATIONS = (
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "UpdateItem",
)
API = "dynamodb/2012-08-10"


def botocore_data() -> dict[str, Any]:
    """Return the files of botocore's `data` folder, by their paths without `.json`.

    The endpoint rule set is left out. botocore would evaluate it at each request, which takes 5 to
    7 % of a warm request. Without it, botocore takes DynamoDB's address from `endpoints`, once. The
    result differs only for addresses that this project does not use: FIPS and dual-stack addresses
    of isolated and government regions, and account-based addresses.
    """
    loader = Loader()
    return {
        f"{API}/service-2": service_model(loader.load_data(f"{API}/service-2")),
        "endpoints": endpoints(loader.load_data("endpoints")),
        "sdk-default-configuration": loader.load_data("sdk-default-configuration"),
    }


def service_model(full: dict[str, Any]) -> dict[str, Any]:
    """Return DynamoDB's model with only `OPERATIONS` and the shapes that they use."""
    operations = {name: full["operations"][name] for name in OPERATIONS}
    shapes = {**full["shapes"], **DOCUMENTS}
    used: dict[str, Any] = {}
    _collect_shapes(shapes, operations, used)
    return {**full, **_without_documentation({"operations": operations, "shapes": used})}


def endpoints(full: dict[str, Any]) -> dict[str, Any]:
    """Return the AWS partitions with only DynamoDB's endpoints."""
    partitions = [
        {**partition, "services": {"dynamodb": partition["services"]["dynamodb"]}}
        for partition in full["partitions"]
        if "dynamodb" in partition["services"]
    ]
    return {**full, "partitions": partitions}


def _collect_shapes(shapes: dict[str, Any], node: Any, used: dict[str, Any]) -> None:
    if isinstance(node, list):
        for item in node:
            _collect_shapes(shapes, item, used)
    elif isinstance(node, dict):
        name = node.get("shape")
        if isinstance(name, str) and name not in used:
            used[name] = shapes[name]
            _collect_shapes(shapes, shapes[name], used)
        for item in node.values():
            _collect_shapes(shapes, item, used)


def _without_documentation(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_documentation(item) for item in node]
    if isinstance(node, dict):
        return {
            name: _without_documentation(item)
            for name, item in node.items()
            if not (name == "documentation" and isinstance(item, str))
        }
    return node
