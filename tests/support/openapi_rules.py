"""What we ask of our OpenAPI document, rule by rule, so that every importer takes it unmodified.

Stricter than any one of them is: `importer_rules` has what they publish.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

METHODS = ("get", "post", "put", "delete", "patch", "head", "options")
NAMES = {"create_ticket", "get_ticket_status", "add_ticket_comment", "list_recent_tickets"}
# None of them is in both 3.0 and 3.1 and understood by all.
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
# How a parameter is serialised, other than plainly.
SERIALISATION = {"allowEmptyValue", "allowReserved", "content", "explode", "style"}
SIMPLE = ("boolean", "integer", "number", "string")
JSON = "JSON"


class Rule(NamedTuple):
    """A rule, where it stands, and what of a document breaks it: true, or not empty, if any."""

    name: str
    source: str
    broken: Callable[[Any], object]


def refusals(rules: Iterable[Rule], text: str) -> set[str]:
    """Return the names of the rules that a document breaks; of a text that is no JSON, `JSON`."""
    try:
        document = json.loads(text)
    except ValueError:
        return {JSON}
    return {rule.name for rule in rules if rule.broken(document)}


def keys(node: Any) -> Iterator[str]:
    """Give every key at any depth."""
    if isinstance(node, dict):
        yield from node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from keys(each)


def has(*words: str) -> Callable[[Any], object]:
    """Return what finds these keys at any depth of a document."""
    return lambda document: {*words} & {*keys(document)}


def operations(document: Any) -> list[tuple[str, str, Any]]:
    """Return path, method and operation of each."""
    return [
        (path, method, item[method])
        for path, item in document.get("paths", {}).items()
        for method in METHODS
        if method in item
    ]


def parameters(document: Any) -> list[Any]:
    """Return the parameters of all operations."""
    return [each for *_, one in operations(document) for each in one.get("parameters", ())]


def answers(document: Any) -> list[Any]:
    """Return the answers of all operations."""
    return [answer for *_, one in operations(document) for answer in one["responses"].values()]


def contents(document: Any) -> list[tuple[str, Any]]:
    """Return the media types of all bodies and answers, each with what is said of it."""
    bodies = [one["requestBody"] for *_, one in operations(document) if "requestBody" in one]
    return [pair for each in bodies + answers(document) for pair in each.get("content", {}).items()]


def schemas(document: Any) -> Iterator[Any]:
    """Give the schemas of all parameters, bodies and answers, at any depth."""
    media = [each for _, each in contents(document)]
    waiting = [each["schema"] for each in media + parameters(document) if "schema" in each]
    while waiting:
        schema = waiting.pop()
        yield schema
        waiting += [*schema.get("properties", {}).values()]
        waiting += [schema["items"]] if "items" in schema else []


def urls(document: Any) -> list[str]:
    """Return the URLs of the servers."""
    return [each.get("url") for each in document.get("servers", ())]


def is_absolute(url: str) -> bool:
    """Whether an HTTP client can go there as it is."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.netloc) and "{" not in url


def is_complex(parameter: Any) -> bool:
    """Whether a parameter takes more than writing it down."""
    simple = parameter.get("schema", {}).get("type") in SIMPLE
    return not simple or bool(SERIALISATION & set(parameter))


def length(operation: Any, field: str) -> int:
    """Return how long a text is, 0 if it is not there."""
    return len(operation.get(field, ""))


def is_the_key_alone(components: Any) -> bool:
    """Whether there is one complete scheme, for the key, and nothing to refer to."""
    wanted = {"type": "apiKey", "in": "header", "name": "x-api-key"}
    schemes = [*components.get("securitySchemes", {}).values()]
    return {*components} == {"securitySchemes"} and [wanted] == [
        {name: scheme.get(name) for name in wanted} for scheme in schemes
    ]


OURS = [
    *(Rule(f"no {word}", "issue 6", has(word)) for word in BANNED),
    Rule(
        "OpenAPI 3.0.0 or 3.1.0",
        "issue 6",
        lambda document: document["openapi"] not in ("3.0.0", "3.1.0"),
    ),
    Rule(
        "exactly the four operations, by the contract's names",
        "issue 6",
        lambda document: (
            sorted(one.get("operationId", "") for *_, one in operations(document)) != sorted(NAMES)
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
        lambda document: {each["in"] for each in parameters(document)} - {"path", "query"},
    ),
    Rule(
        "every parameter described",
        "issue 6",
        lambda document: [each for each in parameters(document) if not each.get("description")],
    ),
    Rule(
        "no complex serialisation",
        "issue 6",
        lambda document: [each for each in parameters(document) if is_complex(each)],
    ),
    Rule(
        "every operation described in at most 300 characters",
        "issue 6",
        lambda document: [
            one for *_, one in operations(document) if not 0 < length(one, "description") <= 300
        ],
    ),
    Rule(
        "every answer with an inline schema",
        "issue 6",
        lambda document: [
            answer
            for answer in answers(document)
            if not answer.get("content")
            or not all(each.get("schema") for each in answer["content"].values())
        ],
    ),
    Rule(
        "components for the key and for nothing else",
        "issue 6",
        lambda document: not is_the_key_alone(document.get("components", {})),
    ),
]
