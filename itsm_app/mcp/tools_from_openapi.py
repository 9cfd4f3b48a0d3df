"""How a model is told of the tools: "Listing Tools" in `server/tools`.

The OpenAPI document has all there is to say, and is the one source of it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import Raw

from ..openapi.document import document
from .revisions import STRUCTURED
from .tools import TOOLS

# What the platform says of a bound call: a model that is not asked can't get it wrong.
CALLERS = {"caller", "caller_id"}
# What an output schema says to people: a sixth of the list, and nothing to a model.
REMARKS = {"description", "format"}


@cache
def tool_list(revision: str, bound: bool) -> Raw:
    """Return the list of tools, as JSON, for one revision and for bound requests or others."""
    paths = document()["paths"].values()
    described = [_describe(each, revision, bound) for path in paths for each in path.values()]
    return Raw(msgspec.json.encode(described))


def _describe(operation: dict[str, Any], revision: str, bound: bool) -> dict[str, Any]:
    name, title = operation["operationId"], operation["summary"]
    hints = TOOLS[name].hints
    tool = {
        "name": name,
        "description": operation["description"],
        "inputSchema": _input_schema(operation, CALLERS if bound else set()),
    }
    if revision < STRUCTURED:
        return {**tool, "annotations": {"title": title, **hints}}
    (answer,) = (each for status, each in operation["responses"].items() if status < "300")
    output_schema = _without_remarks(_schema(answer))
    return {**tool, "title": title, "outputSchema": output_schema, "annotations": hints}


def _input_schema(operation: dict[str, Any], left_out: set[str]) -> dict[str, Any]:
    parameters = operation.get("parameters", [])
    body = _schema(operation["requestBody"]) if "requestBody" in operation else {}
    described = {
        each["name"]: each["schema"] | {"description": each["description"]} for each in parameters
    }
    properties = {**described, **body.get("properties", {})}
    required = [each["name"] for each in parameters if each.get("required")]
    required += body.get("required", [])
    return {
        "type": "object",
        "properties": {
            name: _without_minimum(each)
            for name, each in properties.items()
            if name not in left_out
        },
        "required": [name for name in required if name not in left_out],
    }


def _without_minimum(schema: dict[str, Any]) -> dict[str, Any]:
    # What has a character that is not white space is one character long.
    said_twice = {"minLength"} if schema.get("pattern") == r"\S" else set()
    return {name: each for name, each in schema.items() if name not in said_twice}


def _schema(message: dict[str, Any]) -> Any:
    return message["content"]["application/json"]["schema"]


def _without_remarks(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    # A property may have such a name, and is a schema.
    kept = {
        name: each for name, each in schema.items() if isinstance(each, dict) or name not in REMARKS
    }
    return {name: _without_remarks(each) for name, each in kept.items()}
