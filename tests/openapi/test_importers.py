"""Tests that the OpenAPI document obeys the rules of every importer, and that each rule works."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from ..support.exhaustive import exhaustive
from ..support.importer_rules import AGENTCORE, BEDROCK_AGENTS, CDK, OPENAI_ACTIONS
from ..support.openapi_rules import JSON, OURS, Rule, broken_rules
from .test_document import served

# A gateway calls the API at the URL of API Gateway.
URL = "https://abc123.execute-api.us-east-1.amazonaws.com/poc"
VERSIONS = {version: served(version, URL) for version in ("3.0.0", "3.1.0")}
RULES: dict[str, list[Rule]] = {
    "ours": OURS,
    "CDK": CDK,
    "AgentCore": AGENTCORE,
    "Bedrock Agents": BEDROCK_AGENTS,
    "OpenAI actions": OPENAI_ACTIONS,
}

CREATE = ("paths", "/tickets", "post")
LIST = ("paths", "/tickets", "get")
GET = ("paths", "/tickets/{ticket_id}", "get")
BODY = (*CREATE, "requestBody", "content")
FIELD = (*BODY, "application/json", "schema", "properties", "caller_id")
CREATED = (*CREATE, "responses", "201")
CONTENT = (*CREATED, "content")
ANSWER = (*LIST, "responses", "200", "content", "application/json", "schema")
KEY = ("components", "securitySchemes", "api_key")
SERVER = ("servers", 0, "url")
TEXT = {"type": "string"}
PLAIN = {"schema": TEXT}
OPERATION = {"operationId": "show_health", "description": "Is it up?", "responses": {}}
HEADER = {"name": "X-Caller-Id", "in": "header", "description": "Who calls.", "schema": TEXT}
ADDED = "-"
"""The path element that appends to a list, as in a JSON Patch (RFC 6902)."""
REMOVED = object()

# By importer and rule: the paths in the document, each with the new value, that break the rule.
MUTATIONS: dict[str, dict[str, list[tuple[tuple[Any, ...], Any]]]] = {
    "ours": {
        "no $ref": [((*CONTENT, "application/json", "schema", "$ref"), "#/components/x")],
        "no allOf": [((*FIELD, "allOf"), [TEXT])],
        "no anyOf": [((*LIST, "parameters", 0, "schema", "anyOf"), [TEXT])],
        "no callbacks": [((*CREATE, "callbacks"), {})],
        "no const": [((*FIELD, "const"), "a")],
        "no enum": [((*LIST, "parameters", 1, "schema", "enum"), ["open"])],
        "no exclusiveMaximum": [((*LIST, "parameters", 3, "schema", "exclusiveMaximum"), 101)],
        "no exclusiveMinimum": [((*LIST, "parameters", 3, "schema", "exclusiveMinimum"), True)],
        "no links": [((*CREATED, "links"), {})],
        "no not": [((*FIELD, "not"), {"type": "integer"})],
        "no nullable": [((*FIELD, "nullable"), True)],
        "no oneOf": [((*CONTENT, "application/json", "schema", "oneOf"), [TEXT])],
        "no security": [
            (("security",), [{"api_key": []}]),
            ((*CREATE, "security"), [{"api_key": []}]),
        ],
        "no webhooks": [(("webhooks",), {})],
        "OpenAPI 3.0.0 or 3.1.0": [(("openapi",), "3.0.3"), (("openapi",), "2.0")],
        "exactly the four operations of the contract": [
            (GET, REMOVED),
            ((*GET, "operationId"), "get"),
            ((*GET, "operationId"), REMOVED),
            (("paths", "/health"), {"get": OPERATION}),
        ],
        "one server, with an absolute URL": [
            (("servers",), REMOVED),
            (SERVER, "/poc"),
            (SERVER, "//tickets.example.com"),
            (SERVER, "https://{host}/poc"),
            (("servers", ADDED), {"url": URL}),
        ],
        "application/json only": [
            ((*BODY, "application/xml"), PLAIN),
            ((*CONTENT, "text/plain"), PLAIN),
        ],
        "parameters in path and query only": [
            ((*LIST, "parameters", ADDED), HEADER),
            ((*LIST, "parameters", 0, "in"), "cookie"),
        ],
        "a description for every parameter": [
            ((*LIST, "parameters", 0, "description"), REMOVED),
            ((*GET, "parameters", 0, "description"), ""),
        ],
        "no complex serialization": [
            ((*LIST, "parameters", 0, "style"), "form"),
            ((*LIST, "parameters", 0, "explode"), False),
            ((*LIST, "parameters", 1, "schema", "type"), "array"),
            ((*LIST, "parameters", 0, "schema"), REMOVED),
        ],
        "a description of at most 300 characters for every operation": [
            ((*GET, "description"), REMOVED),
            ((*GET, "description"), "x" * 301),
        ],
        "an inline schema for every response": [
            (CONTENT, REMOVED),
            ((*CREATE, "responses", "400", "content"), {}),
            ((*CONTENT, "application/json"), {}),
        ],
        "components for the API key only": [
            (("components",), REMOVED),
            (KEY, REMOVED),
            ((*KEY, "type"), REMOVED),
            ((*KEY, "name"), "Authorization"),
            (("components", "schemas"), {}),
        ],
    },
    "CDK": {
        "2: version 3.0 or 3.1": [
            (("openapi",), "3.2.0"),
            (("openapi",), 3.1),
            (("openapi",), REMOVED),
        ],
        "3: servers with URLs": [
            (("servers",), []),
            (("servers",), REMOVED),
            (SERVER, REMOVED),
            (SERVER, ""),
        ],
        "4: HTTP or HTTPS": [(SERVER, "/poc"), (SERVER, "ftp://tickets.example.com")],
        "5: paths without complex serialization": [
            (("paths",), REMOVED),
            (("paths", "/tickets/{;id}"), {}),
            (("paths", "/tickets{?caller}"), {}),
            (("paths", "/tickets/{*}"), {}),
        ],
        "6: an operationId for every operation": [
            ((*CREATE, "operationId"), REMOVED),
            (("paths", "/health"), {"head": {"responses": {}}}),
        ],
        "7: supported media types": [
            ((*BODY, "text/plain"), PLAIN),
            ((*CONTENT, "application/json; charset=utf-8"), PLAIN),
            ((*CONTENT, "multipart/form-data"), PLAIN),
        ],
        "8: no complex parameter styles": [((*LIST, "parameters", 0, "style"), "deepObject")],
        "9: no composition": [
            ((*FIELD, "oneOf"), [TEXT]),
            ((*BODY, "application/json", "example"), {"anyOf": 1}),
            (("components", "schemas"), {"Ticket": {"allOf": []}}),
            (("definitions",), {"Ticket": {"allOf": []}}),
        ],
        "10: no security at document level": [(("security",), [{"api_key": []}])],
        "11: no callbacks and no webhooks": [((*CREATE, "callbacks"), {}), (("webhooks",), {})],
    },
    "AgentCore": {
        "OpenAPI 3.0 or 3.1": [(("openapi",), "2.0"), (("openapi",), "3.2.0")],
        "absolute server URLs without variables": [
            (("servers",), []),
            (SERVER, "/poc"),
            (SERVER, "https://{host}/poc"),
        ],
        "no private addresses": [
            (SERVER, "https://10.0.0.1/poc"),
            (SERVER, "https://[::1]/poc"),
            (SERVER, "https://localhost"),
        ],
        "https": [(SERVER, URL.replace("https", "http"))],
        "supported media types": [((*CONTENT, "application/vnd.ticket+json"), PLAIN)],
        "supported types": [
            ((*FIELD, "type"), "null"),
            ((*FIELD, "type"), ["string", "null"]),
            ((*FIELD, "type"), REMOVED),
        ],
        "no composition": [((*FIELD, "anyOf"), [TEXT])],
        "supported methods": [(("paths", "/health"), {"trace": {}})],
        "simple path parameters": [(("paths", "/tickets/{;id*}{?x}"), {})],
        "simple query parameters": [
            ((*LIST, "parameters", 1, "schema"), {"type": "array", "items": TEXT})
        ],
        "no parameters in headers and cookies": [((*LIST, "parameters", ADDED), HEADER)],
        "no callbacks, webhooks or links": [
            ((*CREATE, "callbacks"), {}),
            (("webhooks",), {}),
            ((*CREATED, "links"), {}),
        ],
        "no security at document level": [(("security",), [])],
        "plain property names": [
            ((*FIELD[:-1], "caller id"), TEXT),
            ((*FIELD[:-1], "x" * 65), TEXT),
        ],
        "complete security schemes": [((*KEY, "type"), REMOVED)],
        "at most 1 MB": [(("info", "description"), "x" * 1_000_000)],
        "tool names that a model can call, with the target's prefix": [
            ((*GET, "operationId"), "x" * 55),
            ((*GET, "operationId"), "get.ticket"),
        ],
        "an operationId for every operation": [((*GET, "operationId"), REMOVED)],
    },
    "Bedrock Agents": {
        "exactly 3.0.0": [(("openapi",), "3.0.1")],
        "no enum": [((*LIST, "parameters", 1, "schema", "enum"), ["open"])],
        "paths that start with a slash": [(("paths", "health"), {})],
        "a description for every operation": [((*GET, "description"), REMOVED)],
        "unique operationIds of letters, digits, - and _": [
            ((*GET, "operationId"), "create_ticket"),
            ((*GET, "operationId"), "get.ticket"),
            ((*GET, "operationId"), REMOVED),
        ],
        "content with a schema for every response": [
            (CONTENT, REMOVED),
            ((*CREATE, "responses", "204"), {"description": "Done."}),
            ((*CONTENT, "application/json"), {}),
        ],
        "a type for every property": [((*FIELD, "type"), REMOVED)],
        "a name and a description for every parameter": [
            ((*LIST, "parameters", 0, "description"), REMOVED),
            ((*LIST, "parameters", 0, "name"), ""),
        ],
        "no request body for GET and DELETE": [
            ((*GET, "requestBody"), {"content": {"application/json": PLAIN}})
        ],
        "properties of every object and items of every array": [
            ((*BODY, "application/json", "schema", "properties"), REMOVED),
            ((*ANSWER, "properties", "tickets", "items"), REMOVED),
        ],
    },
    "OpenAI actions": {
        "descriptions and summaries of at most 300 characters": [
            ((*GET, "description"), "x" * 301),
            ((*GET, "summary"), "x" * 301),
        ],
        "parameter descriptions of at most 700 characters": [
            ((*LIST, "parameters", 0, "description"), "x" * 701)
        ],
        "no parameters in headers and cookies": [((*LIST, "parameters", ADDED), HEADER)],
    },
}
CASES = [
    (importer, rule, *mutations[0])
    for importer, rules in MUTATIONS.items()
    for rule, mutations in rules.items()
]
MORE_CASES = [
    exhaustive((importer, rule, *mutation))
    for importer, rules in MUTATIONS.items()
    for rule, mutations in rules.items()
    for mutation in mutations[1:]
]


def mutate(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a document with one value set, appended or removed."""
    copy = deepcopy(document)
    *parents, last = path
    node = copy
    for step in parents:
        node = node[step]
    if last == ADDED:
        node.append(value)
    elif value is REMOVED:
        del node[last]
    else:
        node[last] = value
    return copy


# Bedrock Agents accept 3.0.0 only, so 3.0.0 is the default version of the document.
ACCEPTED = [
    (importer, version)
    for importer in RULES
    for version in VERSIONS
    if (importer, version) != ("Bedrock Agents", "3.1.0")
]


@pytest.mark.parametrize(("importer", "version"), ACCEPTED)
def test_importer_accepts_the_document(importer: str, version: str) -> None:
    assert broken_rules(RULES[importer], json.dumps(VERSIONS[version])) == set()


@pytest.mark.parametrize(("importer", "rule", "path", "value"), [*CASES, *MORE_CASES])
def test_mutated_document_breaks_exactly_one_rule(
    importer: str, rule: str, path: tuple[Any, ...], value: Any
) -> None:
    document = mutate(VERSIONS["3.0.0"], path, value)
    assert broken_rules(RULES[importer], json.dumps(document)) == {rule}


@pytest.mark.parametrize("importer", RULES)
def test_rejects_documents_that_are_not_json(importer: str) -> None:
    assert broken_rules(RULES[importer], "openapi: 3.0.0") == {JSON}


@pytest.mark.parametrize("importer", RULES)
def test_every_rule_has_a_mutation_that_breaks_it(importer: str) -> None:
    assert sorted(rule.name for rule in RULES[importer]) == sorted(MUTATIONS[importer])
    assert all(MUTATIONS[importer].values())


def test_every_published_rule_has_a_source_url() -> None:
    published = [rule for importer, rules in RULES.items() for rule in rules if importer != "ours"]
    assert all(rule.source.startswith("https://") for rule in published)
