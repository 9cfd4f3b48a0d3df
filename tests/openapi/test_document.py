"""Tests that the OpenAPI document is valid and matches the code in both directions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import isfunction
from typing import Any, get_args, get_type_hints

import jsonschema_rs
import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
from werkzeug.test import TestResponse

from itsm_app.api import operations, response_schemas
from itsm_app.api.error_messages import FAILURES
from itsm_app.api.parsing import MAX_BODY_BYTES
from itsm_app.tickets import characters, erasure, limits

from ..conftest import ON_MOTO, shared_app
from ..support.desk import AGENT
from ..support.exhaustive import exhaustive
from ..support.faulty_dynamodb import FaultyDynamoDB, refuse

VALIDATORS = {"3.0.0": OpenAPIV30SpecValidator, "3.1.0": OpenAPIV31SpecValidator}


def served(version: str = "3.0.0", base_url: str = "https://tickets.example.com") -> Any:
    """Return the document that a client receives."""
    client = shared_app().test_client()
    return client.get(f"/openapi.json?version={version}", base_url=base_url).json


DOCUMENT = served()
OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
RESPONSES = [
    (name, status, response["content"]["application/json"]["schema"])
    for name, (_, _, operation) in OPERATIONS.items()
    for status, response in operation["responses"].items()
]
# Required in the document, although a bound request may omit them: a model cannot set the binding
# header.
BOUND_ONLY = {("create_ticket", "caller_id"), ("list_recent_tickets", "caller")}


@pytest.mark.parametrize("version", ["3.0.0", exhaustive("3.1.0")])
def test_document_is_valid_in_both_versions(version: str) -> None:
    document = served(version)
    VALIDATORS[version](document).validate()
    assert document["openapi"] == version
    assert document == {**DOCUMENT, "openapi": version}


def test_returns_version_3_0_0_by_default(client: FlaskClient) -> None:
    response = client.get("/openapi.json")
    assert (response.json["openapi"], response.content_type) == ("3.0.0", "application/json")


@pytest.mark.parametrize("version", ["", "2.0", "3", "3.0.3", "3.1", "3.1.1", "3.2.0", "3.1.0 "])
def test_rejects_other_versions(client: FlaskClient, version: str) -> None:
    response = client.get("/openapi.json", query_string={"version": version})
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert "`version` must be the OpenAPI version 3.0.0 or 3.1.0" in response.json["error"]


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
def test_server_url_is_the_requested_url(url: str) -> None:
    assert served(base_url=url)["servers"] == [{"url": url}]
    # The next client gets its own URL.
    assert served()["servers"] == [{"url": "https://tickets.example.com"}]


@pytest.mark.parametrize("host", ["", "a b", "a_b", "{host}", "a/b", "a@b", "a,b", '"', "Ω", "a:0"])
def test_rejects_invalid_host_headers(client: FlaskClient, host: str) -> None:
    response = client.get("/openapi.json", environ_overrides={"HTTP_HOST": host})
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert "`Host` must be a host name" in response.json["error"]


@ON_MOTO
def test_document_needs_no_dynamodb_request(client: FlaskClient, faults: FaultyDynamoDB) -> None:
    assert client.get("/openapi.json").status_code == 200
    assert faults.operations == []


DESK_OPERATIONS = {"update_ticket", "list_queue", "list_handovers", "search_tickets"}


def test_document_has_the_operations_of_the_routes_and_of_the_module() -> None:
    rules = [
        rule
        for rule in shared_app().url_map.iter_rules()
        # A rule with defaults only returns the error for a path with an empty ticket id.
        if rule.endpoint.startswith("tickets.") and not rule.defaults
    ]
    routes = {
        (re.sub("<(.*?)>", r"{\1}", rule.rule), method.lower(), rule.endpoint.partition(".")[2])
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD"}
    }
    assert routes == {(path, method, name) for name, (path, method, _) in OPERATIONS.items()}
    functions = {name for name, value in vars(operations).items() if isfunction(value)}
    public = {name for name in functions if not name.startswith("_")}
    assert set(OPERATIONS) == public - DESK_OPERATIONS


def schema_of(struct: type[msgspec.Struct]) -> Any:
    """Return the JSON schema of a struct, without references and in comparable form."""
    _, components = msgspec.json.schema_components([struct], ref_template="{name}")
    return comparable(components[struct.__name__], components)


def comparable(schema: Any, components: Any) -> Any:
    """Return a schema reduced to what the tests compare: no texts and one notation per meaning."""
    if "anyOf" in schema:
        # The document has no null: optional fields are omitted from requests and responses.
        (schema,) = (option for option in schema["anyOf"] if option != {"type": "null"})
    if "$ref" in schema:
        return comparable(components[schema["$ref"]], components)
    kept = {
        name: value
        for name, value in schema.items()
        if name not in ("description", "format", "title") and value is not None
    }
    if kept.get("pattern") == characters.VISIBLE:
        # The document uses a simpler pattern, which every importer supports and models read faster.
        kept["pattern"] = r"\S"
    if "enum" in kept:
        # The document uses `pattern`, because some importers do not support `enum`.
        kept |= {"type": "string", "pattern": sorted(kept.pop("enum"))}
    elif found := re.fullmatch(r"\^\((.*)\)\$", kept.get("pattern", "")):
        kept["pattern"] = sorted(found[1].split("|"))
    if "items" in kept:
        kept["items"] = comparable(kept["items"], components)
    if "properties" in kept:
        properties = kept["properties"].items()
        kept["properties"] = {name: comparable(value, components) for name, value in properties}
        kept["required"] = sorted(kept.get("required", ()))
    return kept


def request_schema(name: str) -> Any:
    """Return the documented schema of an operation's body or query, in comparable form."""
    _, _, operation = OPERATIONS[name]
    if "requestBody" in operation:
        assert {item["in"] for item in operation.get("parameters", ())} <= {"path"}
        return comparable(operation["requestBody"]["content"]["application/json"]["schema"], {})
    query = [parameter for parameter in operation["parameters"] if parameter["in"] == "query"]
    required = [parameter["name"] for parameter in query if parameter.get("required")]
    properties = {parameter["name"]: parameter["schema"] for parameter in query}
    return comparable({"type": "object", "properties": properties, "required": required}, {})


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_accepts_the_documented_fields(name: str) -> None:
    (struct,) = (
        hint
        for parameter, hint in get_type_hints(getattr(operations, name)).items()
        if parameter in ("new", "query")
    )
    accepted = schema_of(struct)
    required_unbound = {field for operation, field in BOUND_ONLY if operation == name}
    accepted["required"] = sorted({*accepted["required"], *required_unbound})
    assert request_schema(name) == accepted


@pytest.mark.parametrize(("name", "status", "schema"), RESPONSES)
def test_operation_returns_the_documented_fields(name: str, status: str, schema: Any) -> None:
    returned = get_type_hints(getattr(operations, name))["return"]
    struct = response_schemas.Error if status >= "400" else [*get_args(returned), returned][0]
    assert comparable(schema, {}) == schema_of(struct)


@pytest.mark.parametrize("name", OPERATIONS)
def test_path_parameters_are_required_non_empty_strings(name: str) -> None:
    path, _, operation = OPERATIONS[name]
    found = [item for item in operation.get("parameters", ()) if item["in"] == "path"]
    assert [parameter["name"] for parameter in found] == re.findall("{(.*?)}", path)
    for parameter in found:
        assert parameter["required"] is True
        assert parameter["schema"] == {"type": "string", "minLength": 1}


def properties(schema: Any) -> Iterator[tuple[str, Any]]:
    """Yield each property of a schema at any depth."""
    for name, value in schema.get("properties", {}).items():
        yield name, value
        yield from properties(value)
    if "items" in schema:
        yield from properties(schema["items"])


@pytest.mark.parametrize(("name", "status", "schema"), RESPONSES)
def test_exactly_the_times_have_the_date_time_format(name: str, status: str, schema: Any) -> None:
    for field, value in properties(schema):
        assert (value.get("format") == "date-time") is field.endswith("_at")


# A value for each request field. The `agent` fixture replaces the caller and the ticket.
EXAMPLE = {
    "caller": None,
    "caller_id": None,
    "comment": "It is out now",
    "comments": "latest",
    "cursor": None,
    "handover": {"reason": "upset", "summary": "Restarted twice", "contact_id": "call-81"},
    "idempotency_key": "call-81",
    "issue_description": "My printer is on fire",
    "join_notice": False,
    "limit": 5,
    "status": "open",
    "ticket_id": None,
}


class Agent:
    """A client that builds its requests from the document alone."""

    def __init__(self, client: FlaskClient, caller: str, ticket: str) -> None:
        self._client = client
        self.values = {**EXAMPLE, "caller": caller, "caller_id": caller, "ticket_id": ticket}

    def call(
        self, name: str, data: str | None = None, headers: Any = None, **changes: Any
    ) -> TestResponse:
        """Call an operation with all its fields. A field that `changes` sets to None is omitted."""
        path, method, operation = OPERATIONS[name]
        values = {**self.values, **changes}
        fields = {field: values[field] for field in request_schema(name)["properties"]}
        fields = {field: value for field, value in fields.items() if value is not None}
        place = "json" if "requestBody" in operation else "query_string"
        options: Any = {place: fields} if data is None else {"data": data}
        return self._client.open(path.format(**values), method=method, headers=headers, **options)


@pytest.fixture
def agent(app_with_keys: Flask, caller: str, ticket: str) -> Agent:
    authorized_client = app_with_keys.test_client()
    authorized_client.environ_base["HTTP_X_API_KEY"] = AGENT
    return Agent(authorized_client, caller, ticket)


def check_response(name: str, response: TestResponse) -> None:
    """Validate a response against its documented schema."""
    documented = OPERATIONS[name][2]["responses"][str(response.status_code)]
    schema = documented["content"][response.content_type]["schema"]
    jsonschema_rs.validate(schema, response.json, validate_formats=True)


@pytest.mark.parametrize("name", OPERATIONS)
def test_documented_request_returns_the_documented_success(agent: Agent, name: str) -> None:
    agent.call("add_ticket_comment")
    agent.call("create_ticket")
    agent.values["cursor"] = agent.call("list_recent_tickets", limit=1).json["next_cursor"]
    response = agent.call(name)
    (success,) = (status for status in OPERATIONS[name][2]["responses"] if status < "400")
    assert str(response.status_code) == success
    check_response(name, response)


FIELDS = [(name, field) for name in OPERATIONS for field in request_schema(name)["properties"]]


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_exactly_the_required_fields_are_required(agent: Agent, name: str, field: str) -> None:
    response = agent.call(name, **{field: None})
    if field in request_schema(name)["required"]:
        assert (response.status_code, response.json["code"]) == (400, "invalid_field")
        assert f"`{field}` is missing" in response.json["error"]
    else:
        assert response.status_code < 400
    check_response(name, response)


COMMON_ERRORS = {"caller_mismatch", "invalid_field", "key_refused", "storage_unavailable"}
TICKET_ERRORS = {"misheard_number", "ticket_not_found"}
BODY_ERRORS = {"body_too_large", "idempotency_key_reused", "invalid_body"}
# The documented error codes of each operation.
ERRORS = {
    "create_ticket": COMMON_ERRORS | BODY_ERRORS | {"no_notice"},
    "get_ticket_status": COMMON_ERRORS | TICKET_ERRORS,
    "add_ticket_comment": COMMON_ERRORS
    | TICKET_ERRORS
    | BODY_ERRORS
    | {"caller_erased", "ticket_closed", "ticket_full"},
    "list_recent_tickets": COMMON_ERRORS,
}
# The error codes that the document lists for no operation.
OTHER_ERRORS = {
    "already_assigned",
    "bad_request",
    "changed_meanwhile",
    "cross_site",
    "desk_shut",
    "internal_error",
    # The errors of events of Amazon Connect.
    "invalid_event",
    "unknown_instance",
    "unknown_operation",
    "invalid_transition",
    "no_keys",
    "no_oauth",
    "no_session",
    "no_such_operation",
    "post_only",
    "role_refused",
    "search_off",
    # Concurrent writes in test_lifecycle.py cause it.
    "ticket_busy",
}
STATUS_BY_CODE = {failure.code: str(failure.status) for failure in FAILURES.values()}
ERROR_CASES = [(name, code) for name, codes in ERRORS.items() for code in sorted(codes)]
# The request changes that trigger each error.
TRIGGERS: dict[str, dict[str, Any]] = {
    "body_too_large": {"data": "x" * (MAX_BODY_BYTES + 1)},
    "caller_mismatch": {"headers": {"X-Caller-Id": "somebody-else"}},
    "idempotency_key_reused": {"comment": "Other words", "issue_description": "Other words"},
    "invalid_body": {"data": "["},
    "key_refused": {"headers": {"X-Api-Key": "wrong"}},
    "invalid_field": {"caller": " ", "caller_id": " "},
    "misheard_number": {"ticket_id": "1234-5678-9012"},
    "no_notice": {"join_notice": True, "idempotency_key": "call-83"},
    "storage_unavailable": {},
    "caller_erased": {"idempotency_key": "call-82"},
    "ticket_closed": {"idempotency_key": "call-82"},
    "ticket_full": {"idempotency_key": "call-82"},
    "ticket_not_found": {"ticket_id": "unknown"},
}


def test_tables_of_this_module_cover_every_error_code() -> None:
    assert set().union(*ERRORS.values()) == set(STATUS_BY_CODE) - OTHER_ERRORS == set(TRIGGERS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_documents_exactly_the_statuses_of_the_possible_errors(name: str) -> None:
    documented = {status for status in OPERATIONS[name][2]["responses"] if status >= "400"}
    assert documented == {STATUS_BY_CODE[code] for code in ERRORS[name]}


@ON_MOTO
@pytest.mark.parametrize(("name", "code"), ERROR_CASES)
def test_returns_errors_as_documented(
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
        assert erasure.erase(str(agent.values["ticket_id"]), {str(agent.values["caller"])})
        agent.values["caller"] = None
    if code == "ticket_closed":
        path = f"/tickets/{agent.values['ticket_id']}"
        assert client.patch(path, json={"status": "closed"}).status_code == 200
    response = agent.call(name, **TRIGGERS[code])
    assert (str(response.status_code), response.json["code"]) == (STATUS_BY_CODE[code], code)
    check_response(name, response)
