"""The rules that importers of OpenAPI documents publish, each with the URL of its source.

Where a page gives an example instead of a rule, the rule states what the example shows.
"""

from __future__ import annotations

import json
import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from .openapi_rules import (
    METHODS,
    SIMPLE,
    Rule,
    all_keys,
    contains_key,
    contents,
    is_absolute,
    length,
    operations,
    parameters,
    responses,
    schemas,
    urls,
)

AWS = "https://docs.aws.amazon.com"
GUIDE = f"{AWS}/bedrock-agentcore/latest/devguide"
OPENAPI_TARGETS = f"{GUIDE}/gateway-schema-openapi.html"
QUOTAS = f"{GUIDE}/bedrock-agentcore-limits.html#gateway-endpoints-quotas"
TOOL_NAMES = f"{GUIDE}/gateway-tool-naming.html"
TOOL_SPECIFICATION = f"{AWS}/bedrock/latest/APIReference/API_runtime_ToolSpecification.html"
MARKETPLACE = f"{AWS}/marketplace/latest/userguide/bedrock-agentcore-gateway.html"
# The error of the service: "attribute components.securitySchemes.entraId.type is missing".
SECURITY_SCHEMES = "https://github.com/awslabs/agentcore-samples/pull/1141"
# The checks of the CDK construct when it synthesises an app.
CDK_SOURCE = (
    "https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/aws-bedrockagentcore/lib/gateway"
    "/validation-helpers.ts"
)
ACTION_GROUPS = f"{AWS}/bedrock/latest/userguide/agents-api-schema.html"
OPENAI = "https://developers.openai.com/api/docs/actions/production.md"

TARGET = "tickets"
"""The name of the gateway target in the README. A model sees `{target}___{operationId}`."""
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
BODIES = {
    "application/json",
    "application/xml",
    "multipart/form-data",
    "application/x-www-form-urlencoded",
}
CONTAINERS = {"object": "properties", "array": "items"}
COMPLEX_PATH = re.compile(r"\{[;?]|\{\*\}")


def is_private_url(url: str) -> bool:
    """Return whether the host of a URL is a literal private address or `localhost`."""
    host = urlsplit(url).hostname or ""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host == "localhost"


def tool_names(document: Any) -> list[str]:
    """Return the tool names as a model sees them."""
    return [
        f"{TARGET}___{operation.get('operationId', '')}" for *_, operation in operations(document)
    ]


def request_media_types(document: Any) -> set[str]:
    """Return the media types of the request bodies."""
    return {
        media
        for *_, operation in operations(document)
        for media in operation.get("requestBody", {}).get("content", {})
    }


def response_media_types(document: Any) -> set[str]:
    """Return the media types of the responses."""
    return {media for response in responses(document) for media in response.get("content", {})}


def operation_ids(document: Any) -> list[str]:
    """Return the operationId of each operation, "" if it has none."""
    return [operation.get("operationId", "") for *_, operation in operations(document)]


def protocol(url: str) -> str:
    """Return the scheme of a URL, which may be a variable. Return "" without `://`."""
    return url.partition("://")[0] if "://" in url else ""


CDK = [
    Rule(
        "2: version 3.0 or 3.1",
        CDK_SOURCE,
        lambda document: not str(document.get("openapi")).startswith(("3.0.", "3.1.")),
    ),
    Rule(
        "3: servers with URLs",
        CDK_SOURCE,
        lambda document: (
            not document.get("servers")
            or not all(url and isinstance(url, str) for url in urls(document))
        ),
    ),
    Rule(
        "4: HTTP or HTTPS",
        CDK_SOURCE,
        lambda document: [
            url
            for url in filter(None, urls(document))
            if "{" not in protocol(url) and protocol(url).lower() not in ("http", "https")
        ],
    ),
    Rule(
        "5: paths without complex serialization",
        CDK_SOURCE,
        lambda document: (
            not isinstance(document.get("paths"), dict)
            or [path for path in document["paths"] if COMPLEX_PATH.search(path)]
        ),
    ),
    Rule(
        "6: an operationId for every operation",
        CDK_SOURCE,
        lambda document: "" in operation_ids(document),
    ),
    Rule(
        "7: supported media types",
        CDK_SOURCE,
        lambda document: (
            request_media_types(document) - BODIES
            or response_media_types(document) - {"application/json", "application/xml"}
        ),
    ),
    Rule(
        "8: no complex parameter styles",
        CDK_SOURCE,
        lambda document: [
            parameter
            for parameter in parameters(document)
            if parameter.get("style") in ("matrix", "label", "deepObject")
        ],
    ),
    Rule(
        "9: no composition",
        CDK_SOURCE,
        lambda document: (
            {"oneOf", "anyOf", "allOf"}
            & {
                *all_keys(document.get("paths")),
                *all_keys(document.get("components", {}).get("schemas")),
                *all_keys(document.get("definitions")),
            }
        ),
    ),
    Rule(
        "10: no security at document level", CDK_SOURCE, lambda document: document.get("security")
    ),
    Rule(
        "11: no callbacks and no webhooks",
        CDK_SOURCE,
        lambda document: (
            document.get("webhooks") is not None
            or any("callbacks" in operation for *_, operation in operations(document))
        ),
    ),
]
"""All checks of the construct except the first: `broken_rules` checks that the text is JSON."""

AGENTCORE = [
    Rule(
        "OpenAPI 3.0 or 3.1",
        OPENAPI_TARGETS,
        lambda document: not document["openapi"].startswith(("3.0.", "3.1.")),
    ),
    Rule(
        "an operationId for every operation",
        OPENAPI_TARGETS,
        lambda document: "" in operation_ids(document),
    ),
    Rule(
        "absolute server URLs without variables",
        OPENAPI_TARGETS,
        lambda document: (
            not urls(document) or [url for url in urls(document) if not is_absolute(url)]
        ),
    ),
    Rule(
        "no private addresses",
        OPENAPI_TARGETS,
        lambda document: [url for url in urls(document) if is_private_url(url)],
    ),
    Rule(
        "https",
        MARKETPLACE,
        lambda document: [url for url in urls(document) if url.startswith("http:")],
    ),
    Rule(
        "supported media types",
        OPENAPI_TARGETS,
        lambda document: {media for media, _ in contents(document)} - BODIES,
    ),
    Rule(
        "supported types",
        OPENAPI_TARGETS,
        lambda document: (
            {str(schema.get("type")) for schema in schemas(document)} - {*SIMPLE, "array", "object"}
        ),
    ),
    Rule("no composition", OPENAPI_TARGETS, contains_key("oneOf", "anyOf", "allOf")),
    Rule(
        "supported methods",
        OPENAPI_TARGETS,
        lambda document: (
            {method for item in document["paths"].values() for method in item} - {*METHODS}
        ),
    ),
    Rule(
        "simple path parameters",
        OPENAPI_TARGETS,
        lambda document: [path for path in document["paths"] if COMPLEX_PATH.search(path)],
    ),
    Rule(
        "simple query parameters",
        OPENAPI_TARGETS,
        lambda document: [
            parameter
            for parameter in parameters(document)
            if parameter["in"] == "query" and parameter["schema"].get("type") not in SIMPLE
        ],
    ),
    Rule(
        "no parameters in headers and cookies",
        OPENAPI_TARGETS,
        lambda document: (
            {parameter["in"] for parameter in parameters(document)} & {"header", "cookie"}
        ),
    ),
    Rule(
        "no callbacks, webhooks or links",
        OPENAPI_TARGETS,
        contains_key("callbacks", "webhooks", "links"),
    ),
    Rule("no security at document level", OPENAPI_TARGETS, lambda document: "security" in document),
    Rule(
        "plain property names",
        OPENAPI_TARGETS,
        lambda document: [
            name
            for schema in schemas(document)
            for name in schema.get("properties", {})
            if not TOOL_NAME.fullmatch(name)
        ],
    ),
    Rule(
        "complete security schemes",
        SECURITY_SCHEMES,
        lambda document: [
            scheme
            for scheme in document.get("components", {}).get("securitySchemes", {}).values()
            if "type" not in scheme
        ],
    ),
    Rule(
        "at most 1 MB",
        QUOTAS,
        lambda document: len(json.dumps(document).encode()) > 1_000_000,
    ),
    Rule(
        "tool names that a model can call, with the target's prefix",
        f"{TOOL_NAMES} and {TOOL_SPECIFICATION}",
        lambda document: [name for name in tool_names(document) if not TOOL_NAME.fullmatch(name)],
    ),
]

BEDROCK_AGENTS = [
    Rule("exactly 3.0.0", ACTION_GROUPS, lambda document: document["openapi"] != "3.0.0"),
    Rule("no enum", ACTION_GROUPS, contains_key("enum")),
    Rule(
        "paths that start with a slash",
        ACTION_GROUPS,
        lambda document: [path for path in document["paths"] if not path.startswith("/")],
    ),
    Rule(
        "a description for every operation",
        ACTION_GROUPS,
        lambda document: [
            operation
            for *_, operation in operations(document)
            if not length(operation, "description")
        ],
    ),
    Rule(
        "unique operationIds of letters, digits, - and _",
        ACTION_GROUPS,
        lambda document: (
            len({*operation_ids(document)}) < len(operation_ids(document))
            or not all(
                TOOL_NAME.fullmatch(operation_id) for operation_id in operation_ids(document)
            )
        ),
    ),
    Rule(
        "content with a schema for every response",
        ACTION_GROUPS,
        lambda document: (
            [response for response in responses(document) if not response.get("content")]
            or [media for _, media in contents(document) if "schema" not in media]
        ),
    ),
    Rule(
        "a type for every property",
        ACTION_GROUPS,
        lambda document: [schema for schema in schemas(document) if "type" not in schema],
    ),
    Rule(
        "properties of every object and items of every array",
        ACTION_GROUPS,
        lambda document: [
            schema
            for schema in schemas(document)
            if CONTAINERS.get(schema.get("type")) not in {*schema, None}
        ],
    ),
    Rule(
        "a name and a description for every parameter",
        ACTION_GROUPS,
        lambda document: [
            parameter
            for parameter in parameters(document)
            if not parameter.get("name") or not parameter.get("description")
        ],
    ),
    Rule(
        "no request body for GET and DELETE",
        ACTION_GROUPS,
        lambda document: [
            operation
            for _, method, operation in operations(document)
            if method in ("get", "delete") and "requestBody" in operation
        ],
    ),
]

OPENAI_ACTIONS = [
    Rule(
        "descriptions and summaries of at most 300 characters",
        OPENAI,
        lambda document: [
            operation
            for *_, operation in operations(document)
            if max(length(operation, "description"), length(operation, "summary")) > 300
        ],
    ),
    Rule(
        "parameter descriptions of at most 700 characters",
        OPENAI,
        lambda document: [
            parameter
            for parameter in parameters(document)
            if length(parameter, "description") > 700
        ],
    ),
    Rule(
        "no parameters in headers and cookies",
        OPENAI,
        lambda document: (
            {parameter["in"] for parameter in parameters(document)} & {"header", "cookie"}
        ),
    ),
]
