"""What the importers of OpenAPI documents publish, rule by rule, each with its page.

Where a page gives an example in place of a rule, the rule is what the example shows.
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
    answers,
    contents,
    has,
    is_absolute,
    keys,
    length,
    operations,
    parameters,
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
# "attribute components.securitySchemes.entraId.type is missing", said the service.
SECURITY_SCHEMES = "https://github.com/awslabs/agentcore-samples/pull/1141"
# The checks of the construct, when an app is synthesised.
CDK_SOURCE = (
    "https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/aws-bedrockagentcore/lib/gateway"
    "/validation-helpers.ts"
)
ACTION_GROUPS = f"{AWS}/bedrock/latest/userguide/agents-api-schema.html"
OPENAI = "https://developers.openai.com/api/docs/actions/production.md"

TARGET = "tickets"
"""What the README calls the gateway's target; a model sees `{target}___{operationId}`."""
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
BODIES = {
    "application/json",
    "application/xml",
    "multipart/form-data",
    "application/x-www-form-urlencoded",
}
CONTAINERS = {"object": "properties", "array": "items"}
COMPLEX_PATH = re.compile(r"\{[;?]|\{\*\}")


def is_private(url: str) -> bool:
    """Whether a URL leads to this machine or to a private address, as far as it says so itself."""
    host = urlsplit(url).hostname or ""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host == "localhost"


def tools(document: Any) -> list[str]:
    """Return the names of the tools, as a model sees them."""
    return [f"{TARGET}___{one.get('operationId', '')}" for *_, one in operations(document)]


def in_bodies(document: Any) -> set[str]:
    """Return the media types of the requests."""
    return {
        media
        for *_, one in operations(document)
        for media in one.get("requestBody", {}).get("content", {})
    }


def in_answers(document: Any) -> set[str]:
    """Return the media types of the answers."""
    return {media for answer in answers(document) for media in answer.get("content", {})}


def names(document: Any) -> list[str]:
    """Return the operationIds, "" where there is none."""
    return [one.get("operationId", "") for *_, one in operations(document)]


def protocol(url: str) -> str:
    """Return what comes before ://, which may be a variable."""
    return url.partition("://")[0] if "://" in url else ""


CDK = [
    Rule(
        "2: a version 3.0 or 3.1",
        CDK_SOURCE,
        lambda document: not str(document.get("openapi")).startswith(("3.0.", "3.1.")),
    ),
    Rule(
        "3: servers, each with a URL",
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
        "5: paths, without complex serialisation",
        CDK_SOURCE,
        lambda document: (
            not isinstance(document.get("paths"), dict)
            or [path for path in document["paths"] if COMPLEX_PATH.search(path)]
        ),
    ),
    Rule("6: an operationId each", CDK_SOURCE, lambda document: "" in names(document)),
    Rule(
        "7: media types of bodies and answers",
        CDK_SOURCE,
        lambda document: (
            in_bodies(document) - BODIES
            or in_answers(document) - {"application/json", "application/xml"}
        ),
    ),
    Rule(
        "8: no complex style of a parameter",
        CDK_SOURCE,
        lambda document: [
            each
            for each in parameters(document)
            if each.get("style") in ("matrix", "label", "deepObject")
        ],
    ),
    Rule(
        "9: no composition",
        CDK_SOURCE,
        lambda document: (
            {"oneOf", "anyOf", "allOf"}
            & {
                *keys(document.get("paths")),
                *keys(document.get("components", {}).get("schemas")),
                *keys(document.get("definitions")),
            }
        ),
    ),
    Rule("10: no security of the document", CDK_SOURCE, lambda document: document.get("security")),
    Rule(
        "11: no callbacks, no webhooks",
        CDK_SOURCE,
        lambda document: (
            document.get("webhooks") is not None
            or any("callbacks" in one for *_, one in operations(document))
        ),
    ),
]
"""All that the construct checks. The first is that it is JSON: `openapi_rules.refusals`."""

AGENTCORE = [
    Rule(
        "OpenAPI 3.0 or 3.1",
        OPENAPI_TARGETS,
        lambda document: not document["openapi"].startswith(("3.0.", "3.1.")),
    ),
    Rule("an operationId each", OPENAPI_TARGETS, lambda document: "" in names(document)),
    Rule(
        "the actual endpoint's URL, without variables",
        OPENAPI_TARGETS,
        lambda document: (
            not urls(document) or [url for url in urls(document) if not is_absolute(url)]
        ),
    ),
    Rule(
        "no private address",
        OPENAPI_TARGETS,
        lambda document: [url for url in urls(document) if is_private(url)],
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
    Rule("no composition", OPENAPI_TARGETS, has("oneOf", "anyOf", "allOf")),
    Rule(
        "supported methods",
        OPENAPI_TARGETS,
        lambda document: (
            {each for item in document["paths"].values() for each in item} - {*METHODS}
        ),
    ),
    Rule(
        "simple parameters in a path",
        OPENAPI_TARGETS,
        lambda document: [path for path in document["paths"] if COMPLEX_PATH.search(path)],
    ),
    Rule(
        "simple parameters in a query",
        OPENAPI_TARGETS,
        lambda document: [
            each
            for each in parameters(document)
            if each["in"] == "query" and each["schema"].get("type") not in SIMPLE
        ],
    ),
    Rule(
        "no parameters in headers and cookies",
        OPENAPI_TARGETS,
        lambda document: {each["in"] for each in parameters(document)} & {"header", "cookie"},
    ),
    Rule("no callbacks, webhooks, links", OPENAPI_TARGETS, has("callbacks", "webhooks", "links")),
    Rule("no security of the document", OPENAPI_TARGETS, lambda document: "security" in document),
    Rule(
        "plain names of properties",
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
        "at most 1 MB inline",
        QUOTAS,
        lambda document: len(json.dumps(document).encode()) > 1_000_000,
    ),
    Rule(
        "names of tools that a model can call, the target's and three underscores included",
        f"{TOOL_NAMES} and {TOOL_SPECIFICATION}",
        lambda document: [each for each in tools(document) if not TOOL_NAME.fullmatch(each)],
    ),
]

BEDROCK_AGENTS = [
    Rule("exactly 3.0.0", ACTION_GROUPS, lambda document: document["openapi"] != "3.0.0"),
    Rule("no enum", ACTION_GROUPS, has("enum")),
    Rule(
        "paths from the root",
        ACTION_GROUPS,
        lambda document: [path for path in document["paths"] if not path.startswith("/")],
    ),
    Rule(
        "every operation described",
        ACTION_GROUPS,
        lambda document: [
            one for *_, one in operations(document) if not length(one, "description")
        ],
    ),
    Rule(
        "operationIds unique, of letters, digits, - and _",
        ACTION_GROUPS,
        lambda document: (
            len({*names(document)}) < len(names(document))
            or not all(TOOL_NAME.fullmatch(each) for each in names(document))
        ),
    ),
    Rule(
        "content of every answer, with a schema",
        ACTION_GROUPS,
        lambda document: (
            [each for each in answers(document) if not each.get("content")]
            or [each for _, each in contents(document) if "schema" not in each]
        ),
    ),
    Rule(
        "a type of every property",
        ACTION_GROUPS,
        lambda document: [each for each in schemas(document) if "type" not in each],
    ),
    Rule(
        "what is in every object and array",
        ACTION_GROUPS,
        lambda document: [
            each
            for each in schemas(document)
            if CONTAINERS.get(each.get("type")) not in {*each, None}
        ],
    ),
    Rule(
        "every parameter with a name and described",
        ACTION_GROUPS,
        lambda document: [
            each
            for each in parameters(document)
            if not each.get("name") or not each.get("description")
        ],
    ),
    Rule(
        "no body of GET and DELETE",
        ACTION_GROUPS,
        lambda document: [
            one
            for _, method, one in operations(document)
            if method in ("get", "delete") and "requestBody" in one
        ],
    ),
]

OPENAI_ACTIONS = [
    Rule(
        "descriptions and summaries of at most 300 characters",
        OPENAI,
        lambda document: [
            one
            for *_, one in operations(document)
            if max(length(one, "description"), length(one, "summary")) > 300
        ],
    ),
    Rule(
        "descriptions of parameters of at most 700 characters",
        OPENAI,
        lambda document: [
            each for each in parameters(document) if length(each, "description") > 700
        ],
    ),
    Rule(
        "no parameters in headers and cookies",
        OPENAI,
        lambda document: {each["in"] for each in parameters(document)} & {"header", "cookie"},
    ),
]
