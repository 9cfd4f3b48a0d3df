"""Tests of the MCP tools: the tool list, tool results, errors, caller binding and batches."""

from __future__ import annotations

import json
import time
from itertools import product
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import pytest
from flask.testing import FlaskClient

from itsm_app import config
from itsm_app.api import request_schemas
from itsm_app.mcp import batches, tool_calls
from itsm_app.storage import sizes
from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO, Log
from ..support.exhaustive import one_per_path
from ..support.faulty_dynamodb import FaultyDynamoDB, hang, refuse
from ..support.mcp_messages import MODERN, REVISIONS, ask, call, send, text_content

pytestmark = ON_MOTO

TOOLS = ["create_ticket", "list_recent_tickets", "get_ticket_status", "add_ticket_comment"]
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
TIME = "2026-02-09T12:20:25.343883Z"
EVERY_REVISION = pytest.mark.parametrize("revision", REVISIONS)


def bound_to(caller: str) -> dict[str, str]:
    return {"X-Caller-Id": quote(caller)}


def list_tools(
    client: FlaskClient, revision: str = MODERN, extra: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return the listed tools by name."""
    tools = ask(client, revision, "tools/list", extra=extra).json["result"]["tools"]
    return {tool["name"]: tool for tool in tools}


def error_of(result: dict[str, Any]) -> Any:
    """Return the error object of a failed tool call."""
    assert result["isError"] is True
    assert "structuredContent" not in result
    error = text_content(result)
    assert set(error) == {"error", "code", "retryable", "request_id"}
    return error


# The tool list.


@EVERY_REVISION
@pytest.mark.parametrize("extra", [{}, bound_to("x")])
def test_tool_list_is_stable_and_small(
    client: FlaskClient, revision: str, extra: dict[str, str]
) -> None:
    first, second = (ask(client, revision, "tools/list", extra=extra) for _ in range(2))
    assert first.data == second.data
    assert len(first.data) < 6_850
    assert [*list_tools(client, revision, extra)] == TOOLS


@EVERY_REVISION
def test_tools_have_the_fields_and_annotations_of_the_revision(
    client: FlaskClient, revision: str
) -> None:
    fields = {"name", "description", "inputSchema", "annotations"}
    hints = {"readOnlyHint", "idempotentHint", "openWorldHint"}
    for name, tool in list_tools(client, revision).items():
        read_only = name in ("get_ticket_status", "list_recent_tickets")
        annotations = tool["annotations"]
        assert annotations["readOnlyHint"] is annotations["idempotentHint"] is read_only
        assert annotations["openWorldHint"] is annotations.get("destructiveHint", False) is False
        if revision == "2025-03-26":
            assert set(tool) == fields
            assert set(annotations) - {"destructiveHint"} == {*hints, "title"}
        else:
            assert set(tool) == {*fields, "title", *([] if read_only else ["outputSchema"])}
            assert set(annotations) - {"destructiveHint"} == hints


@EVERY_REVISION
@pytest.mark.parametrize("extra", [{}, bound_to("x")])
def test_schemas_are_valid_json_schema_2020_12_without_references(
    client: FlaskClient, revision: str, extra: dict[str, str]
) -> None:
    for tool in list_tools(client, revision, extra).values():
        for schema in (tool["inputSchema"], tool.get("outputSchema", {"type": "object"})):
            jsonschema_rs.Draft202012Validator(schema)
            assert jsonschema_rs.meta.is_valid(schema)
            assert schema["type"] == "object"
            assert "$ref" not in json.dumps(schema)


@pytest.mark.parametrize("extra", [{}, bound_to("x")])
def test_tool_list_of_a_bound_request_has_private_cache_scope(
    client: FlaskClient, extra: dict[str, str]
) -> None:
    scope = ask(client, MODERN, "tools/list", extra=extra).json["result"]["cacheScope"]
    assert scope == ("private" if extra else "public")


@EVERY_REVISION
def test_tools_of_a_bound_request_omit_the_caller_argument(
    client: FlaskClient, revision: str
) -> None:
    unbound, bound = list_tools(client, revision), list_tools(client, revision, bound_to("x"))
    for name in TOOLS:
        full, reduced = (tools[name]["inputSchema"] for tools in (unbound, bound))
        removed = full["properties"].keys() - reduced["properties"].keys()
        assert removed == {"caller_id" if name == "create_ticket" else "caller"}
        assert reduced["required"] == [field for field in full["required"] if field not in removed]
        del full["properties"], reduced["properties"], full["required"], reduced["required"]
        assert unbound[name] == bound[name]


def test_input_schemas_list_the_arguments_that_the_tools_read(client: FlaskClient) -> None:
    for name, tool in list_tools(client).items():
        arguments = tool_calls.TOOLS[name].arguments
        properties = tool["inputSchema"]["properties"]
        assert properties.keys() == {*arguments.__struct_encode_fields__}
        assert all(schema["description"] for schema in properties.values())
    assert issubclass(tool_calls.OneTicket, request_schemas.OneTicketQuery)
    assert issubclass(tool_calls.NewComment, request_schemas.NewComment)
    assert tool_calls.TOOLS["create_ticket"].arguments is request_schemas.NewTicket
    assert issubclass(tool_calls.TicketList, request_schemas.TicketQuery)


VALID_ARGUMENTS: dict[str, dict[str, Any]] = {
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
    5.0,
    True,
    [],
    {},
]


@pytest.mark.parametrize("name", one_per_path(TOOLS, lambda name: name == "list_recent_tickets"))
def test_input_schema_and_tool_reject_the_same_arguments(client: FlaskClient, name: str) -> None:
    schema = list_tools(client)[name]["inputSchema"]
    complete = {key: value for key, value in VALID_ARGUMENTS[name].items() if value is not None}
    for field in schema["properties"]:
        without = {key: value for key, value in complete.items() if key != field}
        for arguments in [without, *({**complete, field: value} for value in VALUES)]:
            valid = jsonschema_rs.Draft202012Validator(schema).is_valid(arguments)
            result = call(client, name, arguments)
            rejected = result["isError"] and text_content(result)["code"] == "invalid_field"
            # A schema cannot tell a valid cursor from another string.
            if field != "cursor" or not isinstance(arguments.get(field), str):
                assert valid is not rejected, (arguments, result)


@pytest.mark.parametrize("name", TOOLS)
def test_null_counts_as_absent_for_every_optional_argument(
    client: FlaskClient, caller: str, ticket: str, name: str
) -> None:
    schema = list_tools(client, extra=bound_to(caller))[name]["inputSchema"]
    values = {"ticket_id": ticket, "comment": "c", "issue_description": "b"}
    required = {field: values[field] for field in schema["required"]}
    all_optional = dict.fromkeys(tool_calls.TOOLS[name].arguments.__struct_encode_fields__)
    result = call(client, name, {**all_optional, **required}, extra=bound_to(caller))
    expected = call(client, name, required, extra=bound_to(caller))
    assert result["isError"] is expected["isError"] is False
    if name in ("get_ticket_status", "list_recent_tickets"):
        assert result == expected


# Tool results.


@EVERY_REVISION
def test_tools_return_the_same_data_as_the_http_routes(
    client: FlaskClient, caller: str, revision: str
) -> None:
    new = {"caller_id": caller, "issue_description": "Ω 😀", "idempotency_key": "k"}
    created = call(client, "create_ticket", new, revision)
    replayed = call(client, "create_ticket", new, revision)
    assert replayed == created
    ticket = text_content(created)["ticket_id"]
    number = text_content(created)["ticket_number"]
    add = {"ticket_id": number, "comment": "It is out now", "idempotency_key": "k"}
    added = call(client, "add_ticket_comment", add, revision)
    assert call(client, "add_ticket_comment", add, revision) == added
    shown = call(client, "get_ticket_status", {"ticket_id": ticket}, revision)
    assert text_content(shown) == client.get(f"/tickets/{ticket}").json
    comments = text_content(shown)["comments"]
    assert [comment["comment_text"] for comment in comments] == ["It is out now"]
    query = {"caller": caller, "comments": "none", "limit": 1, "status": "open"}
    found = call(client, "list_recent_tickets", query, revision)
    (ticket_without_comments,) = client.get("/tickets", query_string=query).json["tickets"]
    (listed,) = text_content(found)["tickets"]
    assert listed == {**ticket_without_comments, "omitted_comments": 1}
    results = [created, found, shown, added]
    tools = list_tools(client, revision)
    for name, result in zip(TOOLS, results, strict=True):
        assert result["isError"] is False
        if revision == "2025-03-26" or name in ("list_recent_tickets", "get_ticket_status"):
            assert "structuredContent" not in result
            assert "outputSchema" not in tools[name]
        else:
            assert result["structuredContent"] == text_content(result)
            schema = jsonschema_rs.Draft202012Validator(tools[name]["outputSchema"])
            assert schema.is_valid(result["structuredContent"])
            assert not schema.is_valid({})


def test_list_continues_at_its_cursor(client: FlaskClient, caller: str) -> None:
    for text in ("one", "two"):
        call(client, "create_ticket", {"caller_id": caller, "issue_description": text})
    first = text_content(call(client, "list_recent_tickets", {"caller": caller, "limit": 1}))
    rest = {"caller": caller, "cursor": first["next_cursor"]}
    second = text_content(call(client, "list_recent_tickets", rest))
    found = [*first["tickets"], *second["tickets"]]
    assert [ticket["issue_description"] for ticket in found] == ["two", "one"]


# Sizes of results. Hosts reject or truncate long results.

MAX_BYTES = 40_000
# ASCII, two and four bytes for each character, and six bytes for each character in JSON.
TEXTS = ["x", "Ω", "😀", "\u0000"]


def create_long_ticket(client: FlaskClient, caller: str, comments: int, text: str = "x") -> str:
    """Create a ticket with comments of maximum length, numbered from 0, and return its id."""
    new = {"caller_id": caller, "issue_description": f"x{text * 999}"}
    ticket = Ticket.get(text_content(call(client, "create_ticket", new))["ticket_id"])
    ticket.comments = [
        {"comment_text": f"{index:04}{text * 996}", "added_at": TIME, "comment_id": UNKNOWN_ID}
        for index in range(comments)
    ]
    ticket.content_bytes += sizes.of_comments(ticket.comments)
    ticket.save()
    return str(ticket.ticket_id)


def result_text(result: dict[str, Any]) -> str:
    """Return the text of a successful result that has no second copy of the text."""
    assert set(result) - {"resultType", "_meta"} == {"content", "isError"}
    assert result["isError"] is False
    (block,) = result["content"]
    return str(block["text"])


def numbers_of(ticket: dict[str, Any]) -> list[int]:
    return [int(comment["comment_text"][:4]) for comment in ticket["comments"]]


@EVERY_REVISION
@pytest.mark.parametrize("text", one_per_path(TEXTS, lambda text: text == "x"))
def test_get_tool_returns_the_newest_comments_that_fit(
    client: FlaskClient, caller: str, revision: str, text: str
) -> None:
    stored = 46
    ticket_id = create_long_ticket(client, caller, stored, text)
    result = result_text(call(client, "get_ticket_status", {"ticket_id": ticket_id}, revision))
    ticket = json.loads(result)
    kept = len(ticket["comments"])
    assert numbers_of(ticket) == [*range(stored - kept, stored)]
    assert ticket["omitted_comments"] == stored - kept > 0
    # One more comment would not fit. In JSON, all comments here have the same length.
    one_comment = len(json.dumps(ticket["comments"][0], ensure_ascii=False).encode())
    assert MAX_BYTES - one_comment < len(result.encode()) <= MAX_BYTES
    whole = client.get(f"/tickets/{ticket_id}").json
    assert numbers_of(whole) == [*range(stored)]
    assert "omitted_comments" not in whole


@pytest.mark.parametrize(
    ("comments", "stored", "kept", "omitted"),
    [
        (None, 0, 0, None),
        (None, 3, 3, None),
        ("all", 3, 3, None),
        ("latest", 3, 1, 2),
        ("latest", 1, 1, None),
        ("latest", 46, 1, 45),
        ("none", 3, 0, 3),
        ("none", 0, 0, None),
    ],
)
def test_result_counts_the_omitted_comments(
    client: FlaskClient,
    caller: str,
    comments: str | None,
    stored: int,
    kept: int,
    omitted: int | None,
) -> None:
    ticket_id = create_long_ticket(client, caller, stored)
    chosen = {"comments": comments} if comments else {}
    shown = text_content(call(client, "get_ticket_status", {"ticket_id": ticket_id, **chosen}))
    found = call(client, "list_recent_tickets", {"caller": caller, "comments": comments or "all"})
    assert numbers_of(shown) == [*range(stored - kept, stored)]
    assert shown.get("omitted_comments") == omitted
    assert text_content(found)["tickets"] == [shown]


def test_list_tool_returns_the_latest_comments_by_default(client: FlaskClient, caller: str) -> None:
    for _ in range(4):
        create_long_ticket(client, caller, 60)
    found = result_text(call(client, "list_recent_tickets", {"caller": caller}))
    assert len(found) < 12_000
    page = json.loads(found)
    assert [numbers_of(ticket) for ticket in page["tickets"]] == [[59]] * 4
    assert [ticket["omitted_comments"] for ticket in page["tickets"]] == [59] * 4
    assert "next_cursor" not in page
    (tool,) = (each for name, each in list_tools(client).items() if name == "list_recent_tickets")
    assert tool["inputSchema"]["properties"]["comments"]["default"] == "latest"
    routed = client.get("/tickets", query_string={"caller": caller}).json["tickets"]
    assert [numbers_of(ticket) for ticket in routed] == [[*range(60)]] * 4


# How many tickets take more than one page.
TICKETS = {"latest": 20, "all": 3, "none": 30}


@pytest.mark.parametrize(
    ("text", "comments", "status"),
    one_per_path(
        product(TEXTS, TICKETS, [None, "open"]),
        lambda case: case in (("x", "latest", None), ("x", "all", "open")),
    ),
)
def test_page_of_the_list_tool_ends_before_it_is_too_long(
    client: FlaskClient, caller: str, text: str, comments: str, status: str | None
) -> None:
    created = [create_long_ticket(client, caller, 46, text) for _ in range(TICKETS[comments])]
    query = {"caller": caller, "comments": comments, "limit": 100, "status": status}
    found: list[str] = []
    cursor = None
    pages = 0
    while pages == 0 or cursor:
        arguments = {**query, "cursor": cursor}
        result = result_text(call(client, "list_recent_tickets", arguments))
        assert len(result.encode()) <= MAX_BYTES
        page = json.loads(result)
        found += [ticket["ticket_id"] for ticket in page["tickets"]]
        cursor = page.get("next_cursor")
        pages += 1
        for ticket in page["tickets"]:
            assert len(ticket["comments"]) + ticket["omitted_comments"] == 46
    assert found == created[::-1]
    assert pages > 1


@pytest.mark.parametrize("arguments", ["left out", {}, None])
def test_accepts_calls_without_arguments(client: FlaskClient, caller: str, arguments: Any) -> None:
    params = {"name": "list_recent_tickets", "arguments": arguments}
    if arguments == "left out":
        del params["arguments"]
    response = ask(client, MODERN, "tools/call", params, bound_to(caller))
    assert text_content(response.json["result"]) == {"tickets": []}


def test_ignores_unknown_arguments(client: FlaskClient, caller: str) -> None:
    unknown = {"x": {"y": 1}, "ticket": 5, "Caller": "b", "idempotencyKey": "k"}
    arguments = {"caller_id": caller, "issue_description": "b", **unknown}
    assert call(client, "create_ticket", arguments)["isError"] is False


def test_ignores_the_idempotency_key_header(client: FlaskClient, caller: str) -> None:
    new = {"caller_id": caller, "issue_description": "b"}
    ids = {
        text_content(call(client, "create_ticket", new, extra={"Idempotency-Key": "k"}))[
            "ticket_id"
        ]
        for _ in range(2)
    }
    assert len(ids) == 2


# Errors.


@EVERY_REVISION
@pytest.mark.parametrize(
    ("tool", "arguments", "status", "code", "message"),
    [
        ("get_ticket_status", {"ticket_id": "123456789012"}, 400, "misheard_number", "12 digits"),
        ("add_ticket_comment", {"ticket_id": "1", "comment": "c"}, 400, "misheard_number", "again"),
        (
            "get_ticket_status",
            {"ticket_id": UNKNOWN_ID},
            404,
            "ticket_not_found",
            "list the caller's tickets",
        ),
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
        ("list_recent_tickets", {"caller": "a", "limit": 0}, 400, "invalid_field", "from 1 to 100"),
        ("list_recent_tickets", {"caller": "a", "limit": 0.5}, 400, "invalid_field", "1 to 100"),
        ("list_recent_tickets", {"caller": "a", "limit": 1e1}, 200, "", ""),
        (
            "add_ticket_comment",
            {"ticket_id": UNKNOWN_ID, "comment": "c"},
            404,
            "ticket_not_found",
            "No",
        ),
        (
            "add_ticket_comment",
            {"ticket_id": UNKNOWN_ID, "comment": " "},
            400,
            "invalid_field",
            "white",
        ),
    ],
)
def test_failed_call_returns_an_error_result_with_advice(
    client: FlaskClient,
    log: Log,
    revision: str,
    tool: str,
    arguments: dict[str, Any],
    status: int,
    code: str,
    message: str,
) -> None:
    result = call(client, tool, arguments, revision)
    (line,) = log.lines("request")
    assert (line["operation"], line["route"], line["status"]) == (tool, "/mcp", status)
    if status == 200:
        assert result["isError"] is False
    else:
        error = error_of(result)
        assert (error["code"], error["retryable"]) == (code, False)
        assert message in error["error"]
        assert error["request_id"] == line["request_id"]


def test_rejects_duplicate_arguments_and_names_the_field(client: FlaskClient) -> None:
    body = (
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "create_ticket",'
        b' "arguments": {"caller_id": "a", "issue_description": "b", "caller\\u005fid": "c"}}}'
    )
    error = error_of(send(client, body, {}).json["result"])
    assert (error["code"], error["error"]) == (
        "invalid_field",
        "`caller_id` was sent twice. Send the field once.",
    )


def test_rejects_a_reused_idempotency_key_with_different_text(
    client: FlaskClient, caller: str
) -> None:
    new = {"caller_id": caller, "issue_description": "b", "idempotency_key": "k"}
    call(client, "create_ticket", new)
    error = error_of(call(client, "create_ticket", {**new, "issue_description": "c"}))
    assert error["code"] == "idempotency_key_reused"


@EVERY_REVISION
def test_storage_failure_is_retryable_and_counted_under_the_tool(
    client: FlaskClient,
    faults: FaultyDynamoDB,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    revision: str,
) -> None:
    monkeypatch.setattr(config, "STAGE", "poc")
    faults.faults.extend([refuse("ThrottlingException")] * 3)
    arguments = {"caller_id": "caller-x", "issue_description": "word-y"}
    error = error_of(call(client, "create_ticket", arguments, revision))
    assert (error["code"], error["retryable"]) == ("storage_unavailable", True)
    assert "same idempotency_key" in error["error"]
    (line,) = log.lines("request")
    metrics = {"Operation": "create_ticket", "Count": 1, "Errors": 1, "Throttles": 3}
    assert (line["status"], line["retries"]) == (500, 2)
    assert metrics.items() <= line.items()
    assert len(log.lines("storage_unavailable")) == 1
    assert "caller-x" not in log.text
    assert "word-y" not in log.text


def test_unexpected_exception_returns_an_error_result_and_logs_the_stack(
    client: FlaskClient, log: Log
) -> None:
    # An item written by another program: `comments` is a number instead of a list.
    key = {"ticket_id": {"S": "odd"}, "comments": {"N": "5"}, "caller_id": {"S": "secret"}}
    Ticket.connection().connection.client.put_item(TableName="poc-itsm-tickets", Item=key)
    error = error_of(call(client, "get_ticket_status", {"ticket_id": "odd"}))
    assert (error["code"], error["retryable"]) == ("internal_error", True)
    (line,) = log.lines("internal_error")
    assert line["request_id"] == error["request_id"]
    assert any("tickets/get.py" in entry for entry in line["stack"])
    (line,) = log.lines("request")
    assert (line["operation"], line["status"]) == ("get_ticket_status", 500)
    assert "secret" not in log.text


# Caller binding.


@EVERY_REVISION
def test_bound_calls_see_only_tickets_of_their_caller(
    client: FlaskClient, caller: str, revision: str
) -> None:
    own, other = bound_to(caller), bound_to(f"{caller}9")
    new = {"issue_description": "b"}
    ticket = text_content(call(client, "create_ticket", new, revision, own))["ticket_id"]
    assert client.get(f"/tickets/{ticket}").json["caller_id"] == caller
    found = text_content(call(client, "list_recent_tickets", {}, revision, own))["tickets"]
    assert [item["ticket_id"] for item in found] == [ticket]
    assert text_content(call(client, "list_recent_tickets", {}, revision, other)) == {"tickets": []}
    for tool, more in (("get_ticket_status", {}), ("add_ticket_comment", {"comment": "c"})):
        errors = []
        for ticket_id in (ticket, UNKNOWN_ID):
            result = call(client, tool, {"ticket_id": ticket_id, **more}, revision, other)
            errors.append({**error_of(result), "request_id": None})
        assert errors[0] == errors[1]
        assert errors[0]["code"] == "ticket_not_found"
        arguments = {"ticket_id": ticket, **more}
        assert call(client, tool, arguments, revision, own)["isError"] is False


@EVERY_REVISION
@pytest.mark.parametrize("tool", TOOLS)
def test_rejects_a_bound_call_that_names_another_caller(
    client: FlaskClient, caller: str, ticket: str, revision: str, tool: str
) -> None:
    field = "caller_id" if tool == "create_ticket" else "caller"
    arguments = {**VALID_ARGUMENTS[tool], field: caller}
    if "ticket_id" in arguments:
        arguments["ticket_id"] = ticket
    arguments.pop("status", None)
    error = error_of(call(client, tool, arguments, revision, bound_to(f"{caller}9")))
    assert error["code"] == "caller_mismatch"
    assert call(client, tool, arguments, revision, bound_to(caller))["isError"] is False


@pytest.mark.parametrize("header", ["", "%", "a,b", "x" * 101])
def test_rejects_an_invalid_caller_id_header(client: FlaskClient, ticket: str, header: str) -> None:
    arguments = {"ticket_id": ticket}
    error = error_of(call(client, "get_ticket_status", arguments, extra={"X-Caller-Id": header}))
    assert error["error"].startswith("`X-Caller-Id` must be")


# Batches.


def batch(*calls: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "jsonrpc": "2.0",
            "id": index,
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }
        for index, (tool, arguments) in enumerate(calls)
    ]


def test_binds_every_call_of_a_batch_to_the_caller(
    client: FlaskClient, caller: str, ticket: str
) -> None:
    calls = batch(
        ("get_ticket_status", {"ticket_id": ticket}),
        ("list_recent_tickets", {}),
        ("list_recent_tickets", {"caller": caller}),
    )
    responses = send(client, calls, {"X-Caller-Id": quote(f"{caller}9")}).json
    first, second, third = (response["result"] for response in responses)
    assert error_of(first)["code"] == "ticket_not_found"
    assert text_content(second) == {"tickets": []}
    assert error_of(third)["code"] == "caller_mismatch"


def test_batch_shares_the_retries_of_one_request_and_logs_the_worst_status(
    client: FlaskClient, faults: FaultyDynamoDB, log: Log, ticket: str
) -> None:
    faults.operations.clear()
    faults.faults.extend([refuse("ThrottlingException")] * 4)
    get = ("get_ticket_status", {"ticket_id": ticket})
    responses = send(
        client, batch(get, get, get, ("get_ticket_status", {"ticket_id": UNKNOWN_ID})), {}
    ).json
    failed = [response["result"]["isError"] for response in responses]
    assert failed == [True, True, False, True]
    assert faults.operations == ["GetItem"] * 6
    line = log.lines("request")[-1]
    assert (line["operation"], line["status"], line["retries"]) == ("serve_mcp", 500, 2)


def not_started(responses: list[dict[str, Any]]) -> list[bool]:
    """Return, for each call of a batch, whether the server did not start the call."""
    for response in responses:
        if "error" in response:
            assert response["error"]["code"] == -32603
            assert "was not processed" in response["error"]["message"]
    return ["error" in response for response in responses]


def test_does_not_start_further_batch_calls_after_the_time_limit(
    client: FlaskClient,
    faults: FaultyDynamoDB,
    log: Log,
    caller: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def clock() -> float:
        """Let every request to DynamoDB take two seconds."""
        return time.perf_counter() + 2 * len(faults.operations)

    monkeypatch.setattr(batches, "time", SimpleNamespace(perf_counter=clock))
    new = {"caller_id": caller, "issue_description": "b"}
    responses = send(client, batch(*[("create_ticket", new)] * 3), {}).json
    assert not_started(responses) == [False, True, True]
    assert faults.operations == ["PutItem", "Query"]
    assert log.lines("request")[-1]["status"] == 503


@pytest.mark.exhaustive
def test_does_not_start_further_batch_calls_after_a_hung_dynamodb_request(
    client: FlaskClient, faults: FaultyDynamoDB, log: Log, caller: str
) -> None:
    faults.faults.append(hang)
    new = {"caller_id": caller, "issue_description": "b"}
    responses = send(client, batch(*[("create_ticket", new)] * 3), {}).json
    assert not_started(responses) == [False, True, True]
    assert faults.operations == ["PutItem", "PutItem", "Query"]
    assert log.lines("request")[-1]["status"] == 503


def test_does_not_start_further_batch_calls_after_the_size_limit(
    client: FlaskClient, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_RESPONSE_BYTES", 200)
    new = {"caller_id": caller, "issue_description": "b"}
    responses = send(client, batch(*[("create_ticket", new)] * 3), {}).json
    assert not_started(responses) == [False, True, True]
    assert len(client.get("/tickets", query_string={"caller": caller}).json["tickets"]) == 1
