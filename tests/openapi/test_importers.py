"""The document passes every rule of those who import it, and each rule bites."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from ..support.importer_rules import AGENTCORE, BEDROCK_AGENTS, CDK, OPENAI_ACTIONS
from ..support.openapi_rules import JSON, OURS, Rule, refusals
from .test_document import served

# A gateway calls the API where API Gateway has it.
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
"""Where a list is added to, as in a JSON Patch (RFC 6902)."""
REMOVED = object()

# By importer and rule: where the document is changed, and to what.
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
        "exactly the four operations, by the contract's names": [
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
        "every parameter described": [
            ((*LIST, "parameters", 0, "description"), REMOVED),
            ((*GET, "parameters", 0, "description"), ""),
        ],
        "no complex serialisation": [
            ((*LIST, "parameters", 0, "style"), "form"),
            ((*LIST, "parameters", 0, "explode"), False),
            ((*LIST, "parameters", 1, "schema", "type"), "array"),
            ((*LIST, "parameters", 0, "schema"), REMOVED),
        ],
        "every operation described in at most 300 characters": [
            ((*GET, "description"), REMOVED),
            ((*GET, "description"), "x" * 301),
        ],
        "every answer with an inline schema": [
            (CONTENT, REMOVED),
            ((*CREATE, "responses", "400", "content"), {}),
            ((*CONTENT, "application/json"), {}),
        ],
        "components for the key and for nothing else": [
            (("components",), REMOVED),
            (KEY, REMOVED),
            ((*KEY, "type"), REMOVED),
            ((*KEY, "name"), "Authorization"),
            (("components", "schemas"), {}),
        ],
    },
    "CDK": {
        "2: a version 3.0 or 3.1": [
            (("openapi",), "3.2.0"),
            (("openapi",), 3.1),
            (("openapi",), REMOVED),
        ],
        "3: servers, each with a URL": [
            (("servers",), []),
            (("servers",), REMOVED),
            (SERVER, REMOVED),
            (SERVER, ""),
        ],
        "4: HTTP or HTTPS": [(SERVER, "/poc"), (SERVER, "ftp://tickets.example.com")],
        "5: paths, without complex serialisation": [
            (("paths",), REMOVED),
            (("paths", "/tickets/{;id}"), {}),
            (("paths", "/tickets{?caller}"), {}),
            (("paths", "/tickets/{*}"), {}),
        ],
        "6: an operationId each": [
            ((*CREATE, "operationId"), REMOVED),
            (("paths", "/health"), {"head": {"responses": {}}}),
        ],
        "7: media types of bodies and answers": [
            ((*BODY, "text/plain"), PLAIN),
            ((*CONTENT, "application/json; charset=utf-8"), PLAIN),
            ((*CONTENT, "multipart/form-data"), PLAIN),
        ],
        "8: no complex style of a parameter": [((*LIST, "parameters", 0, "style"), "deepObject")],
        "9: no composition": [
            ((*FIELD, "oneOf"), [TEXT]),
            ((*BODY, "application/json", "example"), {"anyOf": 1}),
            (("components", "schemas"), {"Ticket": {"allOf": []}}),
            (("definitions",), {"Ticket": {"allOf": []}}),
        ],
        "10: no security of the document": [(("security",), [{"api_key": []}])],
        "11: no callbacks, no webhooks": [((*CREATE, "callbacks"), {}), (("webhooks",), {})],
    },
    "AgentCore": {
        "OpenAPI 3.0 or 3.1": [(("openapi",), "2.0"), (("openapi",), "3.2.0")],
        "the actual endpoint's URL, without variables": [
            (("servers",), []),
            (SERVER, "/poc"),
            (SERVER, "https://{host}/poc"),
        ],
        "no private address": [
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
        "simple parameters in a path": [(("paths", "/tickets/{;id*}{?x}"), {})],
        "simple parameters in a query": [
            ((*LIST, "parameters", 1, "schema"), {"type": "array", "items": TEXT})
        ],
        "no parameters in headers and cookies": [((*LIST, "parameters", ADDED), HEADER)],
        "no callbacks, webhooks, links": [
            ((*CREATE, "callbacks"), {}),
            (("webhooks",), {}),
            ((*CREATED, "links"), {}),
        ],
        "no security of the document": [(("security",), [])],
        "plain names of properties": [
            ((*FIELD[:-1], "caller id"), TEXT),
            ((*FIELD[:-1], "x" * 65), TEXT),
        ],
        "complete security schemes": [((*KEY, "type"), REMOVED)],
        "at most 1 MB inline": [(("info", "description"), "x" * 1_000_000)],
        "names of tools that a model can call, the target's and three underscores included": [
            ((*GET, "operationId"), "x" * 55),
            ((*GET, "operationId"), "get.ticket"),
        ],
        "an operationId each": [((*GET, "operationId"), REMOVED)],
    },
    "Bedrock Agents": {
        "exactly 3.0.0": [(("openapi",), "3.0.1")],
        "no enum": [((*LIST, "parameters", 1, "schema", "enum"), ["open"])],
        "paths from the root": [(("paths", "health"), {})],
        "every operation described": [((*GET, "description"), REMOVED)],
        "operationIds unique, of letters, digits, - and _": [
            ((*GET, "operationId"), "create_ticket"),
            ((*GET, "operationId"), "get.ticket"),
            ((*GET, "operationId"), REMOVED),
        ],
        "content of every answer, with a schema": [
            (CONTENT, REMOVED),
            ((*CREATE, "responses", "204"), {"description": "Done."}),
            ((*CONTENT, "application/json"), {}),
        ],
        "a type of every property": [((*FIELD, "type"), REMOVED)],
        "every parameter with a name and described": [
            ((*LIST, "parameters", 0, "description"), REMOVED),
            ((*LIST, "parameters", 0, "name"), ""),
        ],
        "no body of GET and DELETE": [
            ((*GET, "requestBody"), {"content": {"application/json": PLAIN}})
        ],
        "what is in every object and array": [
            ((*BODY, "application/json", "schema", "properties"), REMOVED),
            ((*ANSWER, "properties", "tickets", "items"), REMOVED),
        ],
    },
    "OpenAI actions": {
        "descriptions and summaries of at most 300 characters": [
            ((*GET, "description"), "x" * 301),
            ((*GET, "summary"), "x" * 301),
        ],
        "descriptions of parameters of at most 700 characters": [
            ((*LIST, "parameters", 0, "description"), "x" * 701)
        ],
        "no parameters in headers and cookies": [((*LIST, "parameters", ADDED), HEADER)],
    },
}
CASES = [
    (importer, rule, where, value)
    for importer, rules in MUTATIONS.items()
    for rule, mutations in rules.items()
    for where, value in mutations
]


def changed(document: Any, where: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a document with one value set, added or removed."""
    copy = deepcopy(document)
    *above, last = where
    node = copy
    for step in above:
        node = node[step]
    if last == ADDED:
        node.append(value)
    elif value is REMOVED:
        del node[last]
    else:
        node[last] = value
    return copy


# Bedrock Agents take 3.0.0 alone, which is why that is what is served by itself.
SERVED = [
    (importer, version)
    for importer in RULES
    for version in VERSIONS
    if (importer, version) != ("Bedrock Agents", "3.1.0")
]


@pytest.mark.parametrize(("importer", "version"), SERVED)
def test_the_document_is_taken(importer: str, version: str) -> None:
    assert refusals(RULES[importer], json.dumps(VERSIONS[version])) == set()


@pytest.mark.parametrize(("importer", "rule", "where", "value"), CASES)
def test_a_document_that_breaks_a_rule_is_refused_by_it_alone(
    importer: str, rule: str, where: tuple[Any, ...], value: Any
) -> None:
    document = changed(VERSIONS["3.0.0"], where, value)
    assert refusals(RULES[importer], json.dumps(document)) == {rule}


@pytest.mark.parametrize("importer", RULES)
def test_what_is_not_json_is_refused(importer: str) -> None:
    assert refusals(RULES[importer], "openapi: 3.0.0") == {JSON}


@pytest.mark.parametrize("importer", RULES)
def test_every_rule_is_broken_once_at_least(importer: str) -> None:
    assert sorted(rule.name for rule in RULES[importer]) == sorted(MUTATIONS[importer])
    assert all(MUTATIONS[importer].values())


def test_every_published_rule_has_its_page() -> None:
    published = [rule for importer, rules in RULES.items() for rule in rules if importer != "ours"]
    assert all(rule.source.startswith("https://") for rule in published)
