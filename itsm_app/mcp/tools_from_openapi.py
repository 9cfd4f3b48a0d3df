"""The list of tools, made from the OpenAPI document: "Listing Tools" in `server/tools`.

The document is the only source of the texts that models read about the tools.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import Raw

from ..openapi.document import document
from .revisions import STRUCTURED_CONTENT
from .tool_calls import TOOLS

# The tools of a request that is bound to a caller do not have these parameters, so that the model
# cannot name another caller.
CALLER_FIELDS = {"caller", "caller_id"}
# Models do not need these keywords of an output schema. They would take a sixth of the list.
OMITTED_KEYWORDS = {"description", "format"}


@cache
def tool_list(revision: str, bound: bool) -> Raw:
    """Return the list of tools as JSON.

    Args:
        revision: The revision of the request.
        bound: Whether the request is bound to a caller.
    """
    paths = document()["paths"].values()
    tools = [_tool(operation, revision, bound) for path in paths for operation in path.values()]
    return Raw(msgspec.json.encode(tools))


def _tool(operation: dict[str, Any], revision: str, bound: bool) -> dict[str, Any]:
    name, title = operation["operationId"], operation["summary"]
    hints = TOOLS[name].hints
    tool = {
        "name": name,
        "description": operation["description"],
        "inputSchema": _input_schema(operation, CALLER_FIELDS if bound else set()),
    }
    if revision < STRUCTURED_CONTENT:
        return {**tool, "annotations": {"title": title, **hints}}
    (success,) = (each for status, each in operation["responses"].items() if status < "300")
    output_schema = _without_omitted_keywords(_schema(success))
    return {**tool, "title": title, "outputSchema": output_schema, "annotations": hints}


def _input_schema(operation: dict[str, Any], omitted_fields: set[str]) -> dict[str, Any]:
    parameters = operation.get("parameters", [])
    body = _schema(operation["requestBody"]) if "requestBody" in operation else {}
    properties = {
        each["name"]: each["schema"] | {"description": each["description"]} for each in parameters
    }
    properties |= body.get("properties", {})
    required = [each["name"] for each in parameters if each.get("required")]
    required += body.get("required", [])
    return {
        "type": "object",
        "properties": {
            name: _without_redundant_min_length(each)
            for name, each in properties.items()
            if name not in omitted_fields
        },
        "required": [name for name in required if name not in omitted_fields],
    }


def _without_redundant_min_length(schema: dict[str, Any]) -> dict[str, Any]:
    # The pattern `\S` already requires one character.
    redundant = {"minLength"} if schema.get("pattern") == r"\S" else set()
    return {name: each for name, each in schema.items() if name not in redundant}


def _schema(body_or_response: dict[str, Any]) -> Any:
    return body_or_response["content"]["application/json"]["schema"]


def _without_omitted_keywords(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    # A property can have the name of a keyword, for example `description`. The value of a property
    # is a schema, and the value of such a keyword is a text.
    kept = {
        name: each
        for name, each in schema.items()
        if isinstance(each, dict) or name not in OMITTED_KEYWORDS
    }
    return {name: _without_omitted_keywords(each) for name, each in kept.items()}
