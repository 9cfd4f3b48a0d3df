"""A small copy of botocore's data: only what the Lambda's requests to DynamoDB need.

botocore reads the models of a service from JSON when a client is made. All of DynamoDB's, and the
endpoints of every service of AWS, are 40 ms of CPU and 10 MB of memory at each cold start.
"""

from __future__ import annotations

from typing import Any

from botocore.loaders import Loader

# What `itsm_app` asks for in the Lambda; the role's policy allows the same four.
OPERATIONS = ("GetItem", "PutItem", "Query", "UpdateItem")
API = "dynamodb/2012-08-10"


def botocore_data() -> dict[str, Any]:
    """Return the files for botocore's `data` folder: path without `.json`, and content.

    Without endpoint rules, which it would go through at each request, botocore finds DynamoDB by
    `endpoints`, once. Only what nobody asks for here differs: FIPS or dual-stack addresses of
    isolated and government regions, and addresses by account.
    """
    loader = Loader()
    return {
        f"{API}/service-2": service_model(loader.load_data(f"{API}/service-2")),
        "endpoints": endpoints(loader.load_data("endpoints")),
        "sdk-default-configuration": loader.load_data("sdk-default-configuration"),
    }


def service_model(full: dict[str, Any]) -> dict[str, Any]:
    """Return DynamoDB's model with `OPERATIONS` alone, and the shapes that they reach."""
    operations = {name: full["operations"][name] for name in OPERATIONS}
    # A value is handed on as it is, {"S": "text"}, and not walked through shape by shape: botocore
    # calls that a document. Only binary values would differ, and a ticket has none.
    value = {"type": "structure", "members": {}, "document": True}
    shapes = {**full["shapes"], "AttributeValue": value}
    reached: dict[str, Any] = {}
    _reach(shapes, operations, reached)
    return {**full, **_without_documentation({"operations": operations, "shapes": reached})}


def endpoints(full: dict[str, Any]) -> dict[str, Any]:
    """Return the partitions of AWS with the endpoints of DynamoDB alone."""
    partitions = [
        {**each, "services": {"dynamodb": each["services"]["dynamodb"]}}
        for each in full["partitions"]
        if "dynamodb" in each["services"]
    ]
    return {**full, "partitions": partitions}


def _reach(shapes: dict[str, Any], node: Any, reached: dict[str, Any]) -> None:
    if isinstance(node, list):
        for each in node:
            _reach(shapes, each, reached)
    elif isinstance(node, dict):
        name = node.get("shape")
        if isinstance(name, str) and name not in reached:
            reached[name] = shapes[name]
            _reach(shapes, shapes[name], reached)
        for each in node.values():
            _reach(shapes, each, reached)


def _without_documentation(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_documentation(each) for each in node]
    if isinstance(node, dict):
        return {
            name: _without_documentation(each)
            for name, each in node.items()
            if not (name == "documentation" and isinstance(each, str))
        }
    return node
