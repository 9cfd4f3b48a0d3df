"""The project's rules for its OpenAPI document, so that every importer accepts it unmodified.

These rules are stricter than the rules of any single importer in `importer_rules`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

METHODS = ("get", "post", "put", "delete", "patch", "head", "options")
OPERATION_IDS = {"create_ticket", "get_ticket_status", "add_ticket_comment", "list_recent_tickets"}
# None of these keywords is both valid in 3.0 and 3.1 and supported by all importers.
BANNED = (
    "$ref",
    "allOf",
    "anyOf",
    "callbacks",
    "const",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "links",
    "not",
    "nullable",
    "oneOf",
    "security",
    "webhooks",
)
# Keywords that change the serialization of a parameter.
SERIALIZATION = {"allowEmptyValue", "allowReserved", "content", "explode", "style"}
SIMPLE = ("boolean", "integer", "number", "string")
JSON = "JSON"


class Rule(NamedTuple):
    """A rule, its source, and a function that returns a true value if a document breaks it."""

    name: str
    source: str
    violations: Callable[[Any], object]


def broken_rules(rules: Iterable[Rule], text: str) -> set[str]:
    """Return the names of the rules that a document breaks, or `JSON` if the text is not JSON."""
    try:
        document = json.loads(text)
    except ValueError:
        return {JSON}
    return {rule.name for rule in rules if rule.violations(document)}


def all_keys(node: Any) -> Iterator[str]:
    """Yield every key at any depth."""
    if isinstance(node, dict):
        yield from node
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from all_keys(child)


def contains_key(*words: str) -> Callable[[Any], object]:
    """Return a function that finds these keys at any depth of a document."""
    return lambda document: {*words} & {*all_keys(document)}


def operations(document: Any) -> list[tuple[str, str, Any]]:
    """Return the path, the method and the object of each operation."""
    return [
        (path, method, item[method])
        for path, item in document.get("paths", {}).items()
        for method in METHODS
        if method in item
    ]


def parameters(document: Any) -> list[Any]:
    """Return the parameters of all operations."""
    return [
        parameter
        for *_, operation in operations(document)
        for parameter in operation.get("parameters", ())
    ]


def responses(document: Any) -> list[Any]:
    """Return the responses of all operations."""
    return [
        response
        for *_, operation in operations(document)
        for response in operation["responses"].values()
    ]


def contents(document: Any) -> list[tuple[str, Any]]:
    """Return the media types of all request bodies and responses, each with its object."""
    bodies = [
        operation["requestBody"]
        for *_, operation in operations(document)
        if "requestBody" in operation
    ]
    holders = bodies + responses(document)
    return [pair for holder in holders for pair in holder.get("content", {}).items()]


def schemas(document: Any) -> Iterator[Any]:
    """Yield the schemas of all parameters, request bodies and responses, at any depth."""
    holders = [media for _, media in contents(document)] + parameters(document)
    pending = [holder["schema"] for holder in holders if "schema" in holder]
    while pending:
        schema = pending.pop()
        yield schema
        pending += [*schema.get("properties", {}).values()]
        pending += [schema["items"]] if "items" in schema else []


def urls(document: Any) -> list[str]:
    """Return the URLs of the servers."""
    return [server.get("url") for server in document.get("servers", ())]


def is_absolute(url: str) -> bool:
    """Return whether a URL is an absolute HTTP URL without variables."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.netloc) and "{" not in url


def is_complex(parameter: Any) -> bool:
    """Return whether a parameter needs more than its plain text as serialization."""
    simple = parameter.get("schema", {}).get("type") in SIMPLE
    return not simple or bool(SERIALIZATION & set(parameter))


def length(operation: Any, field: str) -> int:
    """Return the length of a text field, 0 if it is missing."""
    return len(operation.get(field, ""))


def has_only_the_api_key(components: Any) -> bool:
    """Return whether the components hold one complete security scheme and nothing else."""
    expected = {"type": "apiKey", "in": "header", "name": "x-api-key"}
    schemes = [*components.get("securitySchemes", {}).values()]
    return {*components} == {"securitySchemes"} and [expected] == [
        {name: scheme.get(name) for name in expected} for scheme in schemes
    ]


OURS = [
    *(Rule(f"no {word}", "issue 6", contains_key(word)) for word in BANNED),
    Rule(
        "OpenAPI 3.0.0 or 3.1.0",
        "issue 6",
        lambda document: document["openapi"] not in ("3.0.0", "3.1.0"),
    ),
    Rule(
        "exactly the four operations of the contract",
        "issue 6",
        lambda document: (
            sorted(operation.get("operationId", "") for *_, operation in operations(document))
            != sorted(OPERATION_IDS)
        ),
    ),
    Rule(
        "one server, with an absolute URL",
        "issue 6",
        lambda document: (
            len(urls(document)) != 1 or not all(is_absolute(url) for url in urls(document))
        ),
    ),
    Rule(
        "application/json only",
        "issue 6",
        lambda document: {media for media, _ in contents(document)} - {"application/json"},
    ),
    Rule(
        "parameters in path and query only",
        "issue 6",
        lambda document: (
            {parameter["in"] for parameter in parameters(document)} - {"path", "query"}
        ),
    ),
    Rule(
        "a description for every parameter",
        "issue 6",
        lambda document: [
            parameter for parameter in parameters(document) if not parameter.get("description")
        ],
    ),
    Rule(
        "no complex serialization",
        "issue 6",
        lambda document: [parameter for parameter in parameters(document) if is_complex(parameter)],
    ),
    Rule(
        "a description of at most 300 characters for every operation",
        "issue 6",
        lambda document: [
            operation
            for *_, operation in operations(document)
            if not 0 < length(operation, "description") <= 300
        ],
    ),
    Rule(
        "an inline schema for every response",
        "issue 6",
        lambda document: [
            response
            for response in responses(document)
            if not response.get("content")
            or not all(media.get("schema") for media in response["content"].values())
        ],
    ),
    Rule(
        "components for the API key only",
        "issue 6",
        lambda document: not has_only_the_api_key(document.get("components", {})),
    ),
]
