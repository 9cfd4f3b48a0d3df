"""The four operations as tools: what a model is told of them, and what it gets."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import pytest
from flask.testing import FlaskClient

from itsm_app import config
from itsm_app.api import request_schemas
from itsm_app.mcp import tools, transport
from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO, Log
from ..support.faulty_dynamodb import FaultyDynamoDB, hang, refuse
from ..support.mcp_messages import MODERN, REVISIONS, ask, call, send

pytestmark = ON_MOTO

TOOLS = ["create_ticket", "list_recent_tickets", "get_ticket_status", "add_ticket_comment"]
NEVER = "00000000-0000-4000-8000-000000000000"
EVERY_REVISION = pytest.mark.parametrize("revision", REVISIONS)


def bound(caller: str) -> dict[str, str]:
    return {"X-Caller-Id": quote(caller)}


def listed(
    client: FlaskClient, revision: str = MODERN, extra: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return the tools by their names."""
    tools = ask(client, revision, "tools/list", extra=extra).json["result"]["tools"]
    return {tool["name"]: tool for tool in tools}


def said(result: dict[str, Any]) -> Any:
    """Return what the one block of text of a result holds."""
    (block,) = result["content"]
    assert (set(block), block["type"]) == ({"type", "text"}, "text")
    return json.loads(block["text"])


def failure(result: dict[str, Any]) -> Any:
    """Return what a model is told of a failure."""
    assert result["isError"] is True
    assert "structuredContent" not in result
    told = said(result)
    assert set(told) == {"error", "code", "retryable", "request_id"}
    return told


# What a model is told.


@EVERY_REVISION
@pytest.mark.parametrize("extra", [{}, bound("x")])
def test_the_list_is_the_same_each_time_and_small(
    client: FlaskClient, revision: str, extra: dict[str, str]
) -> None:
    first, second = (ask(client, revision, "tools/list", extra=extra) for _ in range(2))
    assert first.data == second.data
    assert len(first.data) < 6_000
    assert [*listed(client, revision, extra)] == TOOLS


@EVERY_REVISION
def test_a_tool_has_what_its_revision_knows(client: FlaskClient, revision: str) -> None:
    fields = {"name", "description", "inputSchema", "annotations"}
    hints = {"readOnlyHint", "idempotentHint", "openWorldHint"}
    for name, tool in listed(client, revision).items():
        reads = name in ("get_ticket_status", "list_recent_tickets")
        notes = tool["annotations"]
        assert notes["readOnlyHint"] is notes["idempotentHint"] is reads
        assert notes["openWorldHint"] is notes.get("destructiveHint", False) is False
        if revision == "2025-03-26":
            assert set(tool) == fields
            assert set(notes) - {"destructiveHint"} == {*hints, "title"}
        else:
            assert set(tool) == {*fields, "title", "outputSchema"}
            assert set(notes) - {"destructiveHint"} == hints


@EVERY_REVISION
@pytest.mark.parametrize("extra", [{}, bound("x")])
def test_schemas_are_those_of_2020_12_and_refer_to_nothing(
    client: FlaskClient, revision: str, extra: dict[str, str]
) -> None:
    for tool in listed(client, revision, extra).values():
        for schema in (tool["inputSchema"], tool.get("outputSchema", {"type": "object"})):
            jsonschema_rs.Draft202012Validator(schema)
            assert jsonschema_rs.meta.is_valid(schema)
            assert schema["type"] == "object"
            assert "$ref" not in json.dumps(schema)


@pytest.mark.parametrize("extra", [{}, bound("x")])
def test_a_list_for_one_caller_is_not_kept_for_others(
    client: FlaskClient, extra: dict[str, str]
) -> None:
    scope = ask(client, MODERN, "tools/list", extra=extra).json["result"]["cacheScope"]
    assert scope == ("private" if extra else "public")


@EVERY_REVISION
def test_a_model_that_is_bound_is_not_asked_for_the_caller(
    client: FlaskClient, revision: str
) -> None:
    unbound, own = listed(client, revision), listed(client, revision, bound("x"))
    for name in TOOLS:
        asked, left = (each[name]["inputSchema"] for each in (unbound, own))
        gone = asked["properties"].keys() - left["properties"].keys()
        assert gone == {"caller_id" if name == "create_ticket" else "caller"}
        assert left["required"] == [each for each in asked["required"] if each not in gone]
        del asked["properties"], left["properties"], asked["required"], left["required"]
        assert unbound[name] == own[name]


def test_the_arguments_are_those_that_a_tool_reads(client: FlaskClient) -> None:
    for name, tool in listed(client).items():
        arguments = tools.TOOLS[name].arguments
        properties = tool["inputSchema"]["properties"]
        assert properties.keys() == {*arguments.__struct_encode_fields__}
        assert all(each["description"] for each in properties.values())
    assert issubclass(tools.OneTicket, request_schemas.OneTicketQuery)
    assert issubclass(tools.NewComment, request_schemas.NewComment)
    assert tools.TOOLS["create_ticket"].arguments is request_schemas.NewTicket
    assert tools.TOOLS["list_recent_tickets"].arguments is request_schemas.TicketQuery


GOOD: dict[str, dict[str, Any]] = {
    "create_ticket": {"caller_id": "a", "issue_description": "b", "idempotency_key": None},
    "list_recent_tickets": {
        "caller": "a",
        "status": "open",
        "comments": "all",
        "limit": 5,
        "cursor": None,
    },
    "get_ticket_status": {"ticket_id": "x", "caller": "a", "comments": "all"},
    "add_ticket_comment": {
        "ticket_id": "x",
        "comment": "c",
        "caller": "a",
        "idempotency_key": None,
    },
}
VALUES: list[Any] = [
    "",
    " ",
    "x",
    "x" * 100,
    "x" * 101,
    "x" * 1000,
    "x" * 1001,
    "all",
    "Open",
    "closed",
    0,
    1,
    100,
    101,
    1.5,
    True,
    [],
    {},
]


@pytest.mark.parametrize("name", TOOLS)
def test_a_schema_refuses_what_the_tool_refuses_and_nothing_else(
    client: FlaskClient, name: str
) -> None:
    schema = listed(client)[name]["inputSchema"]
    good = {field: value for field, value in GOOD[name].items() if value is not None}
    for field in schema["properties"]:
        without = {each: value for each, value in good.items() if each != field}
        for arguments in [without, *({**good, field: value} for value in VALUES)]:
            valid = jsonschema_rs.Draft202012Validator(schema).is_valid(arguments)
            result = call(client, name, arguments)
            refused = result["isError"] and said(result)["code"] == "invalid_field"
            # That it is no cursor of ours, no schema can say.
            if field != "cursor" or not isinstance(arguments.get(field), str):
                assert valid is not refused, (arguments, result)


# What it gets.


@EVERY_REVISION
def test_the_four_tools_do_what_the_routes_do(
    client: FlaskClient, caller: str, revision: str
) -> None:
    new = {"caller_id": caller, "issue_description": "Ω 😀", "idempotency_key": "k"}
    created = call(client, "create_ticket", new, revision)
    again = call(client, "create_ticket", new, revision)
    assert again == created
    ticket = said(created)["ticket_id"]
    number = said(created)["ticket_number"]
    add = {"ticket_id": number, "comment": "It is out now", "idempotency_key": "k"}
    added = call(client, "add_ticket_comment", add, revision)
    assert call(client, "add_ticket_comment", add, revision) == added
    shown = call(client, "get_ticket_status", {"ticket_id": ticket}, revision)
    assert said(shown) == client.get(f"/tickets/{ticket}").json
    assert [each["comment_text"] for each in said(shown)["comments"]] == ["It is out now"]
    query = {"caller": caller, "comments": "none", "limit": 1, "status": "open"}
    found = call(client, "list_recent_tickets", query, revision)
    assert said(found) == client.get("/tickets", query_string=query).json
    results = [created, found, shown, added]
    tools = listed(client, revision)
    for name, result in zip(TOOLS, results, strict=True):
        assert result["isError"] is False
        if revision == "2025-03-26":
            assert "structuredContent" not in result
        else:
            assert result["structuredContent"] == said(result)
            schema = jsonschema_rs.Draft202012Validator(tools[name]["outputSchema"])
            assert schema.is_valid(result["structuredContent"])
            assert not schema.is_valid({})


def test_a_list_goes_on_at_its_cursor(client: FlaskClient, caller: str) -> None:
    for words in ("one", "two"):
        call(client, "create_ticket", {"caller_id": caller, "issue_description": words})
    first = said(call(client, "list_recent_tickets", {"caller": caller, "limit": 1}))
    rest = {"caller": caller, "cursor": first["next_cursor"]}
    second = said(call(client, "list_recent_tickets", rest))
    found = [*first["tickets"], *second["tickets"]]
    assert [each["issue_description"] for each in found] == ["two", "one"]


def test_a_page_is_shorter_than_that_of_the_route(
    client: FlaskClient, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer is in it twice; a page of the route would be more than a Lambda can answer."""
    new = {"caller_id": caller, "issue_description": "\u0000" * 1000}
    tickets = [said(call(client, "create_ticket", new))["ticket_id"] for _ in range(2)]
    text = {"comment": '"' * 1000}
    for ticket in tickets:
        for _ in range(75):
            assert client.post(f"/tickets/{ticket}/comments", json=text).status_code == 200
    assert len(client.get("/tickets", query_string={"caller": caller}).json["tickets"]) == 2
    response = ask(
        client,
        MODERN,
        "tools/call",
        {"name": "list_recent_tickets", "arguments": {"caller": caller}},
    )
    page = response.json["result"]["structuredContent"]
    assert len(page["tickets"]) == 1
    assert "next_cursor" in page
    # As a Lambda hands it on.
    assert len(json.dumps(response.text)) < 3_000_000


@pytest.mark.parametrize("arguments", ["left out", {}])
def test_a_tool_may_be_called_without_arguments(
    client: FlaskClient, caller: str, arguments: Any
) -> None:
    params = {"name": "list_recent_tickets", "arguments": arguments}
    if arguments == "left out":
        del params["arguments"]
    response = ask(client, MODERN, "tools/call", params, bound(caller))
    assert said(response.json["result"]) == {"tickets": []}


def test_arguments_that_nobody_knows_are_ignored(client: FlaskClient, caller: str) -> None:
    more = {"x": {"y": 1}, "ticket": 5, "Caller": "b", "idempotencyKey": "k"}
    arguments = {"caller_id": caller, "issue_description": "b", **more}
    assert call(client, "create_ticket", arguments)["isError"] is False


def test_a_header_of_http_is_no_argument(client: FlaskClient, caller: str) -> None:
    new = {"caller_id": caller, "issue_description": "b"}
    ids = {
        said(call(client, "create_ticket", new, extra={"Idempotency-Key": "k"}))["ticket_id"]
        for _ in range(2)
    }
    assert len(ids) == 2


# What it is told of a failure.


@EVERY_REVISION
@pytest.mark.parametrize(
    ("tool", "arguments", "status", "code", "words"),
    [
        ("get_ticket_status", {"ticket_id": "123456789012"}, 400, "misheard_number", "12 digits"),
        ("add_ticket_comment", {"ticket_id": "1", "comment": "c"}, 400, "misheard_number", "again"),
        ("get_ticket_status", {"ticket_id": NEVER}, 404, "ticket_not_found", "list their tickets"),
        ("get_ticket_status", {"ticket_id": ""}, 400, "invalid_field", "`ticket_id` is missing"),
        ("get_ticket_status", {}, 400, "invalid_field", "`ticket_id` is missing"),
        ("get_ticket_status", {"ticket_id": 5}, 400, "invalid_field", "but it is a number"),
        ("get_ticket_status", {"ticket_id": "x" * 3000}, 404, "ticket_not_found", "digit by digit"),
        ("create_ticket", {"issue_description": "b"}, 400, "invalid_field", "`caller_id` is miss"),
        ("create_ticket", {"caller_id": "a"}, 400, "invalid_field", "`issue_description` is miss"),
        ("list_recent_tickets", {}, 400, "invalid_field", "`caller` is missing"),
        (
            "list_recent_tickets",
            {"caller": "a", "limit": "9"},
            400,
            "invalid_field",
            "`limit` must",
        ),
        ("list_recent_tickets", {"caller": "a", "limit": 9e99}, 400, "invalid_field", "`limit` m"),
        ("list_recent_tickets", {"caller": "a", "cursor": "x"}, 400, "invalid_field", "`cursor`"),
        ("list_recent_tickets", {"caller": "a", "status": None}, 200, "", ""),
        ("add_ticket_comment", {"ticket_id": NEVER, "comment": "c"}, 404, "ticket_not_found", "No"),
        ("add_ticket_comment", {"ticket_id": NEVER, "comment": " "}, 400, "invalid_field", "white"),
    ],
)
def test_a_failure_is_a_result_that_says_what_to_do(
    client: FlaskClient,
    log: Log,
    revision: str,
    tool: str,
    arguments: dict[str, Any],
    status: int,
    code: str,
    words: str,
) -> None:
    result = call(client, tool, arguments, revision)
    (line,) = log.lines("request")
    assert (line["operation"], line["route"], line["status"]) == (tool, "/mcp", status)
    if status == 200:
        assert result["isError"] is False
    else:
        told = failure(result)
        assert (told["code"], told["retryable"]) == (code, False)
        assert words in told["error"]
        assert told["request_id"] == line["request_id"]


def test_an_argument_that_is_there_twice_is_named(client: FlaskClient) -> None:
    body = (
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "create_ticket",'
        b' "arguments": {"caller_id": "a", "issue_description": "b", "caller\\u005fid": "c"}}}'
    )
    told = failure(send(client, body, {}).json["result"])
    assert (told["code"], told["error"]) == (
        "invalid_field",
        "`caller_id` is there twice. Send it once.",
    )


def test_other_words_under_the_same_key_are_refused(client: FlaskClient, caller: str) -> None:
    new = {"caller_id": caller, "issue_description": "b", "idempotency_key": "k"}
    call(client, "create_ticket", new)
    told = failure(call(client, "create_ticket", {**new, "issue_description": "c"}))
    assert told["code"] == "idempotency_key_reused"


@EVERY_REVISION
def test_a_failure_of_storage_may_be_retried_and_is_counted_under_the_tool(
    client: FlaskClient,
    faults: FaultyDynamoDB,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    revision: str,
) -> None:
    monkeypatch.setattr(config, "STAGE", "poc")
    faults.faults.extend([refuse("ThrottlingException")] * 3)
    arguments = {"caller_id": "caller-x", "issue_description": "word-y"}
    told = failure(call(client, "create_ticket", arguments, revision))
    assert (told["code"], told["retryable"]) == ("storage_unavailable", True)
    assert "same idempotency_key" in told["error"]
    (line,) = log.lines("request")
    metrics = {"Operation": "create_ticket", "Count": 1, "Errors": 1, "Throttles": 3}
    assert (line["status"], line["retries"]) == (500, 2)
    assert metrics.items() <= line.items()
    assert len(log.lines("storage_unavailable")) == 1
    assert "caller-x" not in log.text
    assert "word-y" not in log.text


def test_what_was_not_foreseen_is_a_result_too_and_logged_with_its_stack(
    client: FlaskClient, log: Log
) -> None:
    """An item that somebody else wrote, with a number where the comments should be."""
    key = {"ticket_id": {"S": "odd"}, "comments": {"N": "5"}, "caller_id": {"S": "secret"}}
    Ticket.connection().connection.client.put_item(TableName="poc-itsm-tickets", Item=key)
    told = failure(call(client, "get_ticket_status", {"ticket_id": "odd"}))
    assert (told["code"], told["retryable"]) == ("internal_error", True)
    (line,) = log.lines("internal_error")
    assert line["request_id"] == told["request_id"]
    assert any("tickets/get.py" in entry for entry in line["stack"])
    (line,) = log.lines("request")
    assert (line["operation"], line["status"]) == ("get_ticket_status", 500)
    assert "secret" not in log.text


# Bound to the caller.


@EVERY_REVISION
def test_a_bound_call_is_its_callers(client: FlaskClient, caller: str, revision: str) -> None:
    own, other = bound(caller), bound(f"{caller}9")
    new = {"issue_description": "b"}
    ticket = said(call(client, "create_ticket", new, revision, own))["ticket_id"]
    assert client.get(f"/tickets/{ticket}").json["caller_id"] == caller
    found = said(call(client, "list_recent_tickets", {}, revision, own))["tickets"]
    assert [each["ticket_id"] for each in found] == [ticket]
    assert said(call(client, "list_recent_tickets", {}, revision, other)) == {"tickets": []}
    for tool, more in (("get_ticket_status", {}), ("add_ticket_comment", {"comment": "c"})):
        told = []
        for each in (ticket, NEVER):
            result = call(client, tool, {"ticket_id": each, **more}, revision, other)
            told.append({**failure(result), "request_id": None})
        assert told[0] == told[1]
        assert told[0]["code"] == "ticket_not_found"
        arguments = {"ticket_id": ticket, **more}
        assert call(client, tool, arguments, revision, own)["isError"] is False


@EVERY_REVISION
@pytest.mark.parametrize("tool", TOOLS)
def test_a_bound_call_for_another_is_refused(
    client: FlaskClient, caller: str, ticket: str, revision: str, tool: str
) -> None:
    named = "caller_id" if tool == "create_ticket" else "caller"
    arguments = {**GOOD[tool], named: caller}
    if "ticket_id" in arguments:
        arguments["ticket_id"] = ticket
    arguments.pop("status", None)
    told = failure(call(client, tool, arguments, revision, bound(f"{caller}9")))
    assert told["code"] == "caller_mismatch"
    assert call(client, tool, arguments, revision, bound(caller))["isError"] is False


@pytest.mark.parametrize("header", ["", "%", "a,b", "x" * 101])
def test_a_header_that_is_no_callers_id_binds_to_nobody(
    client: FlaskClient, ticket: str, header: str
) -> None:
    arguments = {"ticket_id": ticket}
    told = failure(call(client, "get_ticket_status", arguments, extra={"X-Caller-Id": header}))
    assert told["error"].startswith("`X-Caller-Id` must be")


# In a batch.


def batch(*calls: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "jsonrpc": "2.0",
            "id": at,
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }
        for at, (tool, arguments) in enumerate(calls)
    ]


def test_each_call_of_a_batch_is_bound(client: FlaskClient, caller: str, ticket: str) -> None:
    calls = batch(
        ("get_ticket_status", {"ticket_id": ticket}),
        ("list_recent_tickets", {}),
        ("list_recent_tickets", {"caller": caller}),
    )
    answers = send(client, calls, {"X-Caller-Id": quote(f"{caller}9")}).json
    first, second, third = (answer["result"] for answer in answers)
    assert failure(first)["code"] == "ticket_not_found"
    assert said(second) == {"tickets": []}
    assert failure(third)["code"] == "caller_mismatch"


def test_a_batch_has_the_retries_of_one_request_and_is_logged_as_its_worst(
    client: FlaskClient, faults: FaultyDynamoDB, log: Log, ticket: str
) -> None:
    faults.operations.clear()
    faults.faults.extend([refuse("ThrottlingException")] * 4)
    get = ("get_ticket_status", {"ticket_id": ticket})
    answers = send(
        client, batch(get, get, get, ("get_ticket_status", {"ticket_id": NEVER})), {}
    ).json
    failed = [answer["result"]["isError"] for answer in answers]
    assert failed == [True, True, False, True]
    assert faults.operations == ["GetItem"] * 6
    line = log.lines("request")[-1]
    assert (line["operation"], line["status"], line["retries"]) == ("serve_mcp", 500, 2)


def late(answers: list[dict[str, Any]]) -> list[bool]:
    """Return which calls of a batch were not begun."""
    for answer in answers:
        if "error" in answer:
            assert answer["error"]["code"] == -32603
            assert "Nothing was done" in answer["error"]["message"]
    return ["error" in answer for answer in answers]


def test_no_call_of_a_batch_begins_when_there_is_no_time_for_it(
    client: FlaskClient, faults: FaultyDynamoDB, log: Log, caller: str
) -> None:
    faults.faults.append(hang)
    new = {"caller_id": caller, "issue_description": "b"}
    answers = send(client, batch(*[("create_ticket", new)] * 3), {}).json
    assert late(answers) == [False, True, True]
    assert faults.operations == ["PutItem"] * 2
    assert log.lines("request")[-1]["status"] == 503


def test_no_call_of_a_batch_begins_when_there_is_no_room_for_it(
    client: FlaskClient, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "BATCH_BYTES", 200)
    new = {"caller_id": caller, "issue_description": "b"}
    answers = send(client, batch(*[("create_ticket", new)] * 3), {}).json
    assert late(answers) == [False, True, True]
    assert len(client.get("/tickets", query_string={"caller": caller}).json["tickets"]) == 1
