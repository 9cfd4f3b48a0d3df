"""The OpenAPI document: valid, and one truth with the code, both ways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import isfunction
from typing import Any, get_args, get_type_hints

import jsonschema_rs
import msgspec
import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
from werkzeug.test import TestResponse

from itsm_app import config, create_app
from itsm_app.api import auth, operations, response_schemas
from itsm_app.api.error_responses import FAILURES
from itsm_app.api.parsing import MAX_BODY_BYTES
from itsm_app.tickets import erasure, limits

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, refuse

VALIDATORS = {"3.0.0": OpenAPIV30SpecValidator, "3.1.0": OpenAPIV31SpecValidator}


def served(version: str = "3.0.0", base_url: str = "https://tickets.example.com") -> Any:
    """Return the document as a client gets it."""
    client = create_app().test_client()
    return client.get(f"/openapi.json?version={version}", base_url=base_url).json


DOCUMENT = served()
OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
ANSWERS = [
    (name, status, answer["content"]["application/json"]["schema"])
    for name, (_, _, operation) in OPERATIONS.items()
    for status, answer in operation["responses"].items()
]
# What only a bound request may leave out, and a model cannot bind itself.
NEEDED = {("create_ticket", "caller_id"), ("list_recent_tickets", "caller")}


@pytest.mark.parametrize("version", VALIDATORS)
def test_the_document_is_valid(version: str) -> None:
    document = served(version)
    VALIDATORS[version](document).validate()
    assert document["openapi"] == version
    assert document == {**DOCUMENT, "openapi": version}


def test_it_is_3_0_0_unless_asked_otherwise(client: FlaskClient) -> None:
    response = client.get("/openapi.json")
    assert (response.json["openapi"], response.content_type) == ("3.0.0", "application/json")


@pytest.mark.parametrize("version", ["", "2.0", "3", "3.0.3", "3.1", "3.1.1", "3.2.0", "3.1.0 "])
def test_there_is_no_other_version(client: FlaskClient, version: str) -> None:
    response = client.get("/openapi.json", query_string={"version": version})
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert "`version` must be the version of OpenAPI, 3.0.0 or 3.1.0" in response.json["error"]


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:5000",
        "http://[::1]:5000",
        "https://tickets.example.com",
        "https://abc123.execute-api.us-east-1.amazonaws.com/poc",
        "https://tickets.example.com/service/desk",
    ],
)
def test_its_server_is_where_it_was_asked_at(url: str) -> None:
    assert served(base_url=url)["servers"] == [{"url": url}]
    # What one was told, the next is not.
    assert served()["servers"] == [{"url": "https://tickets.example.com"}]


@pytest.mark.parametrize("host", ["", "a b", "a_b", "{host}", "a/b", "a@b", "a,b", '"', "Ω", "a:0"])
def test_a_host_that_is_none_is_no_server(client: FlaskClient, host: str) -> None:
    response = client.get("/openapi.json", environ_overrides={"HTTP_HOST": host})
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert "`Host` must be a host name" in response.json["error"]


@ON_MOTO
def test_it_costs_no_request_to_dynamodb(client: FlaskClient, faults: FaultyDynamoDB) -> None:
    assert client.get("/openapi.json").status_code == 200
    assert faults.operations == []


OF_THE_DESK = {"update_ticket", "list_queue"}


def test_its_operations_are_those_of_the_routes_and_of_the_module() -> None:
    rules = [
        rule
        for rule in create_app().url_map.iter_rules()
        # With defaults: a path that answers what is missing in it.
        if rule.endpoint.startswith("tickets.") and not rule.defaults
    ]
    routes = {
        (re.sub("<(.*?)>", r"{\1}", rule.rule), method.lower(), rule.endpoint.partition(".")[2])
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD"}
    }
    assert routes == {(path, method, name) for name, (path, method, _) in OPERATIONS.items()}
    functions = {name for name, each in vars(operations).items() if isfunction(each)}
    assert set(OPERATIONS) == {name for name in functions if not name.startswith("_")} - OF_THE_DESK


def of(struct: type[msgspec.Struct]) -> Any:
    """Return the JSON schema of a struct, inline and comparable."""
    _, components = msgspec.json.schema_components([struct], ref_template="{name}")
    return comparable(components[struct.__name__], components)


def comparable(schema: Any, components: Any) -> Any:
    """Return what of a schema is compared: neither words, nor how it is written down."""
    if "$ref" in schema:
        return comparable(components[schema["$ref"]], components)
    if "anyOf" in schema:
        # What may be left out is never null in a request, and left out of an answer.
        (schema,) = (each for each in schema["anyOf"] if each != {"type": "null"})
    kept = {
        name: value
        for name, value in schema.items()
        if name not in ("description", "format", "title") and value is not None
    }
    if "enum" in kept:
        # `enum` is beyond some importers.
        kept |= {"type": "string", "pattern": sorted(kept.pop("enum"))}
    elif found := re.fullmatch(r"\^\((.*)\)\$", kept.get("pattern", "")):
        kept["pattern"] = sorted(found[1].split("|"))
    if "items" in kept:
        kept["items"] = comparable(kept["items"], components)
    if "properties" in kept:
        properties = kept["properties"].items()
        kept["properties"] = {name: comparable(each, components) for name, each in properties}
        kept["required"] = sorted(kept.get("required", ()))
    return kept


def asked_for(name: str) -> Any:
    """Return the schema of what an operation takes, by the document, but for the path."""
    _, _, operation = OPERATIONS[name]
    if "requestBody" in operation:
        assert {each["in"] for each in operation.get("parameters", ())} <= {"path"}
        return comparable(operation["requestBody"]["content"]["application/json"]["schema"], {})
    query = [each for each in operation["parameters"] if each["in"] == "query"]
    required = [each["name"] for each in query if each.get("required")]
    properties = {each["name"]: each["schema"] for each in query}
    return comparable({"type": "object", "properties": properties, "required": required}, {})


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_takes_what_the_document_says(name: str) -> None:
    (struct,) = (
        hint
        for parameter, hint in get_type_hints(getattr(operations, name)).items()
        if parameter in ("new", "query")
    )
    taken = of(struct)
    taken["required"] = sorted({*taken["required"], *(field for op, field in NEEDED if op == name)})
    assert asked_for(name) == taken


@pytest.mark.parametrize(("name", "status", "schema"), ANSWERS)
def test_an_operation_answers_what_the_document_says(name: str, status: str, schema: Any) -> None:
    answer = get_type_hints(getattr(operations, name))["return"]
    struct = response_schemas.Error if status >= "400" else [*get_args(answer), answer][0]
    assert comparable(schema, {}) == of(struct)


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_in_the_path_is_a_text_that_is_not_empty(name: str) -> None:
    path, _, operation = OPERATIONS[name]
    found = [each for each in operation.get("parameters", ()) if each["in"] == "path"]
    assert [each["name"] for each in found] == re.findall("{(.*?)}", path)
    for each in found:
        assert each["required"] is True
        assert each["schema"] == {"type": "string", "minLength": 1}


def properties(schema: Any) -> Iterator[tuple[str, Any]]:
    """Give each property in a schema, at any depth."""
    for name, each in schema.get("properties", {}).items():
        yield name, each
        yield from properties(each)
    if "items" in schema:
        yield from properties(schema["items"])


@pytest.mark.parametrize(("name", "status", "schema"), ANSWERS)
def test_the_times_and_nothing_else_are_said_to_be_times(
    name: str, status: str, schema: Any
) -> None:
    for field, each in properties(schema):
        assert (each.get("format") == "date-time") is field.endswith("_at")


# Of each field that a request can have, a value; of a ticket, that of the fixture.
EXAMPLE = {
    "caller": None,
    "caller_id": None,
    "comment": "It is out now",
    "comments": "latest",
    "cursor": None,
    "idempotency_key": "call-81",
    "issue_description": "My printer is on fire",
    "limit": 5,
    "status": "open",
    "ticket_id": None,
}


class Agent:
    """A client that knows the document, and nothing else."""

    def __init__(self, client: FlaskClient, caller: str, ticket: str) -> None:
        self._client = client
        self.values = {**EXAMPLE, "caller": caller, "caller_id": caller, "ticket_id": ticket}

    def call(
        self, name: str, data: str | None = None, headers: Any = None, **changes: Any
    ) -> TestResponse:
        """Call an operation with all that it takes; what `changes` to None is left out."""
        path, method, operation = OPERATIONS[name]
        values = {**self.values, **changes}
        sent = {field: values[field] for field in asked_for(name)["properties"]}
        sent = {field: value for field, value in sent.items() if value is not None}
        place = "json" if "requestBody" in operation else "query_string"
        options: Any = {place: sent} if data is None else {"data": data}
        return self._client.open(path.format(**values), method=method, headers=headers, **options)


@pytest.fixture
def agent(client: FlaskClient, caller: str, ticket: str, monkeypatch: pytest.MonkeyPatch) -> Agent:
    key, entry = auth.make("voice", "agent")
    monkeypatch.setattr(config, "API_KEYS", entry)
    own = create_app().test_client()
    own.environ_base["HTTP_X_API_KEY"] = key
    return Agent(own, caller, ticket)


def check(name: str, response: TestResponse) -> None:
    """Check an answer against the document."""
    answer = OPERATIONS[name][2]["responses"][str(response.status_code)]
    schema = answer["content"][response.content_type]["schema"]
    jsonschema_rs.validate(schema, response.json, validate_formats=True)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_request_by_the_document_succeeds_as_it_says(agent: Agent, name: str) -> None:
    agent.call("add_ticket_comment")
    agent.call("create_ticket")
    agent.values["cursor"] = agent.call("list_recent_tickets", limit=1).json["next_cursor"]
    response = agent.call(name)
    (success,) = (status for status in OPERATIONS[name][2]["responses"] if status < "400")
    assert str(response.status_code) == success
    check(name, response)


FIELDS = [(name, field) for name in OPERATIONS for field in asked_for(name)["properties"]]


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_what_is_required_is_asked_for_and_the_rest_is_not(
    agent: Agent, name: str, field: str
) -> None:
    response = agent.call(name, **{field: None})
    if field in asked_for(name)["required"]:
        assert (response.status_code, response.json["code"]) == (400, "invalid_field")
        assert f"`{field}` is missing" in response.json["error"]
    else:
        assert response.status_code < 400
    check(name, response)


ALL = {"caller_mismatch", "invalid_field", "key_refused", "storage_unavailable"}
OF_A_TICKET = {"misheard_number", "ticket_not_found"}
OF_A_BODY = {"body_too_large", "idempotency_key_reused", "invalid_body"}
# The errors of each operation, but for what may befall any request.
ERRORS = {
    "create_ticket": ALL | OF_A_BODY,
    "get_ticket_status": ALL | OF_A_TICKET,
    "add_ticket_comment": ALL
    | OF_A_TICKET
    | OF_A_BODY
    | {"caller_erased", "ticket_closed", "ticket_full"},
    "list_recent_tickets": ALL,
}
OF_NO_OPERATION = {
    "already_assigned",
    "bad_request",
    "changed_meanwhile",
    "cross_site",
    "desk_shut",
    "internal_error",
    "invalid_transition",
    "no_keys",
    "no_session",
    "no_such_operation",
    "post_only",
    "role_refused",
}
STATUSES = {failure.code: str(failure.status) for failure in FAILURES.values()}
CASES = [(name, code) for name, codes in ERRORS.items() for code in sorted(codes)]
# How to come by each.
WRONG: dict[str, dict[str, Any]] = {
    "body_too_large": {"data": "x" * (MAX_BODY_BYTES + 1)},
    "caller_mismatch": {"headers": {"X-Caller-Id": "somebody-else"}},
    "idempotency_key_reused": {"comment": "Other words", "issue_description": "Other words"},
    "invalid_body": {"data": "["},
    "key_refused": {"headers": {"X-Api-Key": "wrong"}},
    "invalid_field": {"caller": " ", "caller_id": " "},
    "misheard_number": {"ticket_id": "1234-5678-9012"},
    "storage_unavailable": {},
    "caller_erased": {"idempotency_key": "call-82"},
    "ticket_closed": {"idempotency_key": "call-82"},
    "ticket_full": {"idempotency_key": "call-82"},
    "ticket_not_found": {"ticket_id": "unknown"},
}


def test_an_error_of_an_operation_is_in_the_table_of_errors_and_the_other_way_round() -> None:
    assert set().union(*ERRORS.values()) == set(STATUSES) - OF_NO_OPERATION == set(WRONG)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_errors_that_are_documented_are_those_that_come(name: str) -> None:
    documented = {status for status in OPERATIONS[name][2]["responses"] if status >= "400"}
    assert documented == {STATUSES[code] for code in ERRORS[name]}


@ON_MOTO
@pytest.mark.parametrize(("name", "code"), CASES)
def test_an_error_is_answered_as_the_document_says(
    client: FlaskClient,
    agent: Agent,
    faults: FaultyDynamoDB,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    code: str,
) -> None:
    assert agent.call(name).status_code < 400
    if code == "storage_unavailable":
        faults.faults.append(refuse("AccessDeniedException"))
    if code == "ticket_full":
        monkeypatch.setattr(limits, "MAX_BYTES_AFTER_COMMENT", 0)
    if code == "caller_erased":
        assert erasure.erase(str(agent.values["ticket_id"]), str(agent.values["caller"]))
        agent.values["caller"] = None
    if code == "ticket_closed":
        path = f"/tickets/{agent.values['ticket_id']}"
        assert client.patch(path, json={"status": "closed"}).status_code == 200
    response = agent.call(name, **WRONG[code])
    assert (str(response.status_code), response.json["code"]) == (STATUSES[code], code)
    check(name, response)
