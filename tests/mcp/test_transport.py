"""Tests of the Model Context Protocol over streamable HTTP, per protocol revision.

The section comments name the pages and sections of the MCP specification.
"""

from __future__ import annotations

import json
from base64 import b64encode
from io import BytesIO
from itertools import product
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from itsm_app.api.parsing import MAX_BODY_BYTES
from itsm_app.mcp import batches

from ..conftest import ON_MOTO, Log
from ..support.desk import AGENT
from ..support.exhaustive import one_per_path
from ..support.mcp_messages import (
    CAPABILITIES,
    LEGACY,
    META,
    MODERN,
    REVISIONS,
    VERSION,
    ask,
    call,
    headers,
    request,
    send,
)

pytestmark = ON_MOTO

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
RESPONSE = {"jsonrpc": "2.0", "id": 1, "result": {}}
CLIENT_PARAMS = {"capabilities": {}, "clientInfo": {"name": "ExampleClient", "version": "1.0.0"}}


def error_code(response: Any) -> int:
    """Return the code of a well-formed JSON-RPC error response."""
    assert response.content_type == "application/json"
    error = response.json["error"]
    assert set(error) <= {"code", "message", "data"}
    assert error["message"].endswith(".")
    return int(error["code"])


# Envelopes: JSON-RPC 2.0, and "Requests" in `basic`.

IDS = [0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63), "", "1", "Ω", "x" * 999]


@pytest.mark.parametrize(
    ("revision", "request_id"),
    one_per_path(product(REVISIONS, IDS), lambda case: case[0] == MODERN or case[1] == 0),
)
def test_response_repeats_the_id_of_its_request(
    client: FlaskClient, revision: str, request_id: Any
) -> None:
    for method in ("tools/list", "no/such"):
        body = {**request(revision, method), "id": request_id}
        response = send(client, body, headers(revision, method)).json
        assert (response["jsonrpc"], response["id"]) == ("2.0", request_id)
        assert type(response["id"]) is type(request_id)
        assert ("result" in response) == (method == "tools/list")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff", -32700),
        (b"\xef\xbb\xbf" + json.dumps(PING).encode(), -32700),
        (json.dumps(PING).encode("utf-16"), -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": NaN}}', -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": "\\ud800"}}', -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params":' + b"[" * 60_000, -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": ' + b'{"x":' * 9_000, -32700),
        (b"[" * 60_000, -32700),
        (b"[{]", -32700),
        (b"null", -32600),
        (b"5", -32600),
        (b'"ping"', -32600),
        (b"{}", -32600),
        (b'{"jsonrpc": "2.0"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1}', -32600),
        (b'{"id": 1, "method": "ping"}', -32600),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600),
        (b'{"jsonrpc": "at `$.x`", "id": 1, "method": "ping"}', -32600),
        (b'{"jsonrpc": 2.0, "id": 1, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 5}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": null}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "metho\\u0064": "x"}', -32600),
        *(
            (b'{"jsonrpc": "2.0", "id": %s, "method": "ping"}' % bad, -32600)
            for bad in [b"null", b"true", b"1.0", b"1e2", b"[]", b"{}", b"9" * 30, b"9" * 5000]
        ),
    ],
    ids=lambda value: repr(value)[:60],
)
# The app reads a message before its revision, except that only 2025-03-26 has batches.
@pytest.mark.parametrize(
    "revision", one_per_path(REVISIONS, lambda revision: revision == "2025-03-26")
)
def test_rejects_invalid_jsonrpc_messages(
    client: FlaskClient, revision: str, body: bytes, expected: int
) -> None:
    if body.startswith(b"[") and revision != "2025-03-26":
        expected = -32600
    response = send(client, body, headers(revision, "ping"))
    assert (response.status_code, error_code(response)) == (400, expected)
    assert response.json["id"] is None


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 10 * MAX_BODY_BYTES])
@pytest.mark.parametrize("start", [b"{", b"["])
def test_rejects_oversized_bodies(client: FlaskClient, start: bytes, size: int) -> None:
    response = send(client, start.ljust(size), {})
    assert (response.status_code, error_code(response)) == (413, -32600)
    assert "65536 bytes" in response.json["error"]["message"]
    assert response.json["id"] is None
    chunked = client.post(
        "/mcp",
        input_stream=BytesIO(start.ljust(size)),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert (chunked.status_code, chunked.json) == (413, response.json)


# `initialize` and `ping`: "Initialization" in `basic/lifecycle`, `basic/utilities/ping`.


@pytest.mark.parametrize(
    ("requested", "agreed"),
    [
        *((revision, revision) for revision in LEGACY),
        (MODERN, "2025-11-25"),
        ("2024-11-05", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
        ("", "2025-11-25"),
    ],
)
@pytest.mark.parametrize("header", [None, "2025-06-18", "2099-01-01"])
def test_initialize_negotiates_the_revision(
    client: FlaskClient, requested: str, agreed: str, header: str | None
) -> None:
    body = request(LEGACY[0], "initialize", {"protocolVersion": requested, **CLIENT_PARAMS})
    response = send(client, body, {"MCP-Protocol-Version": header})
    assert response.status_code == 200
    assert "Mcp-Session-Id" not in response.headers
    result = response.json["result"]
    assert set(result) == {"protocolVersion", "capabilities", "serverInfo", "instructions"}
    assert result["protocolVersion"] == agreed
    assert result["capabilities"] == {"tools": {}}
    assert result["serverInfo"] == {"name": "itsm-tickets", "version": "1.0.0"}
    for word in ("spoken_number", "misheard_number", "idempotency_key", "retryable"):
        assert word in result["instructions"]


@pytest.mark.parametrize("missing", ["protocolVersion", "capabilities", "clientInfo"])
@pytest.mark.parametrize("value", [[], 5, None, "left out"])
def test_rejects_incomplete_initialize_requests(
    client: FlaskClient, missing: str, value: Any
) -> None:
    params = {"protocolVersion": "2025-06-18", **CLIENT_PARAMS, missing: value}
    if value == "left out":
        del params[missing]
    response = ask(client, "2025-06-18", "initialize", params)
    assert (response.status_code, error_code(response)) == (200, -32602)
    assert f"`{missing}`" in response.json["error"]["message"]


@pytest.mark.parametrize("revision", LEGACY)
def test_ping_returns_an_empty_result(client: FlaskClient, revision: str) -> None:
    response = ask(client, revision, "ping")
    assert (response.status_code, response.json) == (200, {"jsonrpc": "2.0", "id": 1, "result": {}})


# "Sending Messages to the Server" in `basic/transports`, and "Sending Messages" of 2026-07-28.


NOTIFICATIONS = ["notifications/initialized", "notifications/cancelled", "x"]
NOTIFICATION_PARAMS: list[Any] = [{}, {"requestId": 1}, [], None, 5]


@pytest.mark.parametrize(
    ("revision", "method", "params"),
    one_per_path(
        product(REVISIONS, NOTIFICATIONS, NOTIFICATION_PARAMS),
        # One value differs from the first combination.
        lambda case: (
            [case[0] != MODERN, case[1] != NOTIFICATIONS[0], case[2] != {}].count(True) < 2
        ),
    ),
)
def test_accepts_notifications_with_an_empty_202(
    client: FlaskClient, revision: str, method: str, params: Any
) -> None:
    body = {"jsonrpc": "2.0", "method": method, "params": params}
    response = send(client, body, headers(revision, method))
    assert (response.status_code, response.data) == (202, b"")


@pytest.mark.parametrize("outcome", [{"result": {}}, {"error": {"code": 1, "message": "x"}}])
@pytest.mark.parametrize("revision", REVISIONS)
def test_accepts_responses_in_legacy_revisions_only(
    client: FlaskClient, revision: str, outcome: dict[str, Any]
) -> None:
    response = send(client, {"jsonrpc": "2.0", "id": 1, **outcome}, headers(revision, ""))
    if revision == MODERN:
        assert (response.status_code, error_code(response)) == (400, -32600)
    else:
        assert (response.status_code, response.data) == (202, b"")


@pytest.mark.parametrize("revision", LEGACY)
@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("server/discover", {}, -32601),
        ("resources/list", {}, -32601),
        ("TOOLS/LIST", {}, -32601),
        ("", {}, -32601),
        ("ping", [], -32602),
        ("tools/list", None, -32602),
        ("tools/list", {"cursor": "x"}, -32602),
        ("tools/call", {}, -32602),
        ("tools/call", {"name": 5}, -32602),
        ("tools/call", {"name": "no_such_tool"}, -32602),
        ("tools/call", {"name": "create_ticket", "arguments": []}, -32602),
        ("tools/call", {"name": "create_ticket", "arguments": None}, -32602),
    ],
)
def test_invalid_legacy_request_returns_200_with_an_error(
    client: FlaskClient, revision: str, method: str, params: Any, expected: int, log: Log
) -> None:
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    response = send(client, body, headers(revision, method))
    assert (response.status_code, error_code(response), response.json["id"]) == (200, expected, 7)
    (line,) = log.lines("request")
    logged_status = {-32601: 404, -32602: 400}[expected]
    assert (line["operation"], line["status"]) == ("serve_mcp", logged_status)


def test_rejects_duplicate_parameter_names(client: FlaskClient) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","name":"y"}}'
    response = send(client, body, {})
    assert (response.status_code, error_code(response)) == (200, -32602)
    assert "`name` was sent twice" in response.json["error"]["message"]


@pytest.mark.parametrize("version", ["2024-11-05", "2099-01-01", "x", "", "2025-06-18,2025-06-18"])
@pytest.mark.parametrize("body", [PING, INITIALIZED, RESPONSE])
def test_rejects_unsupported_revisions(
    client: FlaskClient, version: str, body: dict[str, Any]
) -> None:
    response = send(client, body, {"MCP-Protocol-Version": version})
    assert (response.status_code, error_code(response)) == (400, -32022)
    data = {"supported": [*REVISIONS], "requested": version}
    assert response.json["error"]["data"] == data
    assert response.json["id"] == (1 if body is PING else None)


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD"])
def test_get_head_and_delete_return_405(client: FlaskClient, method: str) -> None:
    response = client.open("/mcp", method=method, headers={"Accept": "text/event-stream"})
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert response.content_type == "application/json"
    if method != "HEAD":
        assert set(response.json) == {"error", "code", "retryable", "request_id"}
        assert response.json["code"] == "post_only"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS"])
def test_put_patch_and_options_return_404(client: FlaskClient, method: str) -> None:
    response = client.open("/mcp", method=method)
    assert (response.status_code, response.json["code"]) == (404, "no_such_operation")


@pytest.mark.parametrize("revision", REVISIONS)
def test_ignores_and_never_starts_a_session(client: FlaskClient, revision: str) -> None:
    extra = {"Mcp-Session-Id": "x", "Last-Event-ID": "5", "Mcp-Param-Region": "us"}
    response = ask(client, revision, "tools/list", extra=extra)
    assert response.status_code == 200
    assert not {"Mcp-Session-Id", "Set-Cookie"} & {*response.headers.keys()}


# Content negotiation: RFC 9110, sections 8.3 and 12.5.1.


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json, text/event-stream", 200),
        ("text/event-stream;q=0.5, application/json;q=0.9", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/json;profile=x", 200),
        ("application/*", 200),
        ("*/*", 200),
        ("text/html, */*;q=0.1", 200),
        ("application/json,text/event-stream", 200),
        (None, 200),
        ("", 200),
        ("text/event-stream", 406),
        ("application/xml, text/*", 406),
        ("application/json;q=0", 406),
        ("application/json;q=0, */*", 406),
        ("application/jsonx", 406),
        ("json", 406),
    ],
)
def test_requires_an_accept_header_that_allows_json(
    client: FlaskClient, accept: str | None, status: int
) -> None:
    response = send(client, PING, {"Accept": accept})
    assert response.status_code == status
    if status == 406:
        assert error_code(response) == -32600
        assert response.json["id"] is None


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON;charset=UTF-8", 200),
        (" application/json ", 200),
        (None, 415),
        ("", 415),
        ("text/plain", 415),
        ("application/json-patch+json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json, text/plain", 415),
    ],
)
def test_requires_the_json_content_type(
    client: FlaskClient, content_type: str | None, status: int
) -> None:
    response = send(client, PING, {"Content-Type": content_type})
    assert response.status_code == status
    if status == 415:
        assert error_code(response) == -32600
        assert response.json["id"] is None


# "Security & Endpoint": protection against DNS rebinding.

API = "https://abc123.execute-api.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("base_url", "origin", "allowed"),
    [
        ("http://localhost:5000", None, True),
        ("http://localhost:5000", "http://localhost:5000", True),
        ("http://localhost:5000", "http://localhost:6274", True),
        ("http://localhost:5000", "http://127.0.0.1", True),
        ("http://127.0.0.1:5000", "https://LocalHost:1", True),
        ("http://[::1]:5000", "http://[::1]:6274", True),
        (API, None, True),
        (API, API, True),
        (API, API.upper(), True),
        ("http://localhost:5000", "http://evil.example", False),
        ("http://localhost:5000", "http://localhost.evil.example", False),
        ("http://localhost:5000", "http://localhost@evil.example", False),
        ("http://localhost:5000", "http://127.0.0.1.evil.example:5000", False),
        ("http://localhost:5000", "null", False),
        ("http://localhost:5000", "", False),
        ("http://localhost:5000", "file://", False),
        ("http://localhost:5000", "http://localhost:5000, http://evil.example", False),
        # DNS rebinding: a foreign host name that resolves to this server.
        ("http://evil.example:5000", "http://evil.example:5000", False),
        ("http://192.168.0.5:5000", "http://192.168.0.5:5000", False),
        (API, API.replace("https", "http"), False),
        (API, "https://evil.example", False),
        (API, "http://localhost:5000", False),
        (API, f"{API}:8443", False),
    ],
)
# The app checks the origin before it reads the revision.
@pytest.mark.parametrize("revision", one_per_path(REVISIONS, lambda revision: revision == MODERN))
def test_rejects_requests_from_foreign_origins(
    engine: str,
    app_with_keys: Flask,
    revision: str,
    base_url: str,
    origin: str | None,
    allowed: bool,
) -> None:
    # Without API keys, `auth` rejects foreign origins before the MCP code reads the request.
    client = app_with_keys.test_client()
    request_headers = {**headers(revision, "tools/list"), "Origin": origin, "x-api-key": AGENT}
    request_headers = {name: value for name, value in request_headers.items() if value is not None}
    response = client.post(
        "/mcp", json=request(revision, "tools/list"), headers=request_headers, base_url=base_url
    )
    assert response.status_code == (200 if allowed else 403)
    if not allowed:
        assert error_code(response) == -32600
        assert response.json["id"] is None
    assert "Access-Control-Allow-Origin" not in response.headers


# Batches exist in 2025-03-26 only: "Batching" in `basic`, and JSON-RPC 2.0, section 6.

LIST = {"jsonrpc": "2.0", "id": "list", "method": "tools/list"}


@pytest.mark.parametrize("version", [None, "2025-03-26"])
def test_answers_every_request_of_a_batch(client: FlaskClient, version: str | None) -> None:
    batch = [INITIALIZED, PING, LIST, {"jsonrpc": "2.0", "id": 3, "method": "x"}, RESPONSE]
    response = send(client, batch, {"MCP-Protocol-Version": version})
    assert response.status_code == 200
    by_id = {message["id"]: message for message in response.json}
    assert len(response.json) == len(by_id) == 3
    assert by_id[1]["result"] == {}
    assert len(by_id["list"]["result"]["tools"]) == 4
    assert by_id[3]["error"]["code"] == -32601


def test_batch_of_one_request_returns_a_list(client: FlaskClient) -> None:
    response = send(client, b" \t\r\n" + json.dumps([PING]).encode(), {})
    assert response.json == [{"jsonrpc": "2.0", "id": 1, "result": {}}]


@pytest.mark.parametrize("batch", [[INITIALIZED], [INITIALIZED, INITIALIZED], [RESPONSE]])
def test_batch_without_requests_returns_an_empty_202(client: FlaskClient, batch: list[Any]) -> None:
    response = send(client, batch, {})
    assert (response.status_code, response.data) == (202, b"")


@pytest.mark.parametrize("batch", [[], [PING] * (batches.MAX_MESSAGES + 1)])
def test_rejects_empty_and_oversized_batches(client: FlaskClient, batch: list[Any]) -> None:
    response = send(client, batch, {})
    assert (response.status_code, error_code(response), response.json["id"]) == (400, -32600, None)
    assert "1 to 10 messages" in response.json["error"]["message"]
    assert len(send(client, [PING] * 10, {}).json) == 10


@pytest.mark.parametrize(
    ("element", "request_id"),
    [
        (5, None),
        ([], None),
        ([PING], None),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, None),
        ({"jsonrpc": "2.0", "method": 5, "id": 2}, None),
        (
            {
                **request("", "initialize", {"protocolVersion": "2025-03-26", **CLIENT_PARAMS}),
                "id": 2,
            },
            2,
        ),
        ({**request(MODERN, "tools/list"), "id": 2}, 2),
        ({**request(MODERN, "server/discover"), "id": "a"}, "a"),
    ],
)
def test_rejects_invalid_batch_elements_and_answers_the_others(
    client: FlaskClient, element: Any, request_id: Any, log: Log
) -> None:
    response = send(client, [element, PING], {})
    assert response.status_code == 200
    rejected, answered = response.json
    assert (rejected["id"], rejected["error"]["code"]) == (request_id, -32600)
    assert answered["result"] == {}
    (line,) = log.lines("request")
    assert (line["operation"], line["status"]) == ("serve_mcp", 400)


@pytest.mark.parametrize("revision", ["2025-06-18", "2025-11-25", MODERN])
@pytest.mark.parametrize("batch", [[], [PING], [INITIALIZED]])
def test_rejects_batches_in_other_revisions(
    client: FlaskClient, revision: str, batch: list[Any]
) -> None:
    response = send(client, batch, headers(revision, "ping"))
    assert (response.status_code, error_code(response), response.json["id"]) == (400, -32600, None)


# 2026-07-28: the checks of a request. The server reports the first check that fails.


INVALID_MODERN_PARAMS: list[Any] = [
    None,
    [],
    {},
    {"_meta": None},
    {"_meta": []},
    {"_meta": {}},
    {"_meta": {VERSION: MODERN}},
    {"_meta": {CAPABILITIES: {}}},
    {"_meta": {**META, VERSION: 5}},
    {"_meta": {**META, VERSION: None}},
    {"_meta": {**META, CAPABILITIES: []}},
    {"_meta": {**META, CAPABILITIES: None}},
]
MODERN_METHODS = ["server/discover", "tools/list", "no/such"]


@pytest.mark.parametrize(
    ("method", "params"),
    one_per_path(
        product(MODERN_METHODS, INVALID_MODERN_PARAMS),
        lambda case: case[0] == "tools/list" or case[1] is None,
    ),
)
def test_modern_request_requires_version_and_capabilities(
    client: FlaskClient, method: str, params: Any
) -> None:
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    response = send(client, body, headers(MODERN, method))
    assert (response.status_code, error_code(response), response.json["id"]) == (400, -32602, 7)
    assert CAPABILITIES in response.json["error"]["message"]


CALL = {"name": "get_ticket_status", "arguments": {"ticket_id": "x"}}


def base64_header(text: str) -> str:
    return f"=?base64?{b64encode(text.encode()).decode()}?="


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("MCP-Protocol-Version", None),
        ("MCP-Protocol-Version", "2025-11-25"),
        ("MCP-Protocol-Version", "2099-01-01"),
        ("MCP-Protocol-Version", ""),
        ("Mcp-Method", None),
        ("Mcp-Method", ""),
        ("Mcp-Method", "tools/list"),
        ("Mcp-Method", "TOOLS/CALL"),
        ("Mcp-Method", "tools/call,tools/call"),
        ("Mcp-Method", base64_header("tools/call")),
        ("Mcp-Name", None),
        ("Mcp-Name", ""),
        ("Mcp-Name", "create_ticket"),
        ("Mcp-Name", "GET_TICKET_STATUS"),
        ("Mcp-Name", base64_header("create_ticket")),
        ("Mcp-Name", base64_header("get_ticket_status").replace("base64", "BASE64")),
        ("Mcp-Name", base64_header("get_ticket_status")[:-2] + "??"),
        ("Mcp-Name", base64_header("get_ticket_status").replace("?Z", "?!Z")),
        ("Mcp-Name", "=?base64?!?="),
        ("Mcp-Name", "=?base64?Z2V0?"),
        ("Mcp-Name", "=?base64?/w==?="),
        ("Mcp-Name", "=?base64?="),
    ],
)
def test_rejects_headers_that_differ_from_the_body(
    client: FlaskClient, header: str, value: str | None
) -> None:
    request_headers = {**headers(MODERN, "tools/call", "get_ticket_status"), header: value}
    response = send(client, request(MODERN, "tools/call", CALL), request_headers)
    assert (response.status_code, error_code(response), response.json["id"]) == (400, -32020, 1)
    assert header in response.json["error"]["message"]


@pytest.mark.parametrize("name", ["get_ticket_status", base64_header("get_ticket_status")])
@pytest.mark.parametrize("padding", ["", " ", " \t "])
def test_accepts_encoded_names_and_white_space_around_headers(
    client: FlaskClient, name: str, padding: str
) -> None:
    request_headers = headers(MODERN, "tools/call", name).items()
    padded = {header: f"{padding}{value}{padding}" for header, value in request_headers}
    response = send(client, request(MODERN, "tools/call", CALL), {**padded})
    assert (response.status_code, response.json["result"]["isError"]) == (200, True)


def test_name_header_is_required_for_tool_calls_only(client: FlaskClient) -> None:
    body = request(MODERN, "tools/list", {"name": "x"})
    assert send(client, body, headers(MODERN, "tools/list")).status_code == 200


@pytest.mark.parametrize(
    "version", ["2025-11-25", "2025-03-26", "2024-11-05", "2099-01-01", "", "x"]
)
@pytest.mark.parametrize("method", ["tools/list", "no/such"])
def test_rejects_modern_requests_with_an_unsupported_revision(
    client: FlaskClient, version: str, method: str
) -> None:
    body = request(MODERN, method, {"_meta": {**META, VERSION: version}})
    request_headers = {**headers(MODERN, method), "MCP-Protocol-Version": version}
    response = send(client, body, request_headers)
    assert (response.status_code, error_code(response), response.json["id"]) == (400, -32022, 1)
    data = {"supported": [*REVISIONS], "requested": version}
    assert response.json["error"]["data"] == data


@pytest.mark.parametrize(
    "method", ["initialize", "ping", "logging/setLevel", "resources/list", "prompts/get", "x", ""]
)
def test_unknown_and_removed_methods_return_404(client: FlaskClient, method: str) -> None:
    response = ask(client, MODERN, method, {"protocolVersion": MODERN, **CLIENT_PARAMS})
    assert (response.status_code, error_code(response), response.json["id"]) == (404, -32601, 1)
    assert "server/discover, tools/list, tools/call" in response.json["error"]["message"]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/list", {"cursor": "x"}),
        ("tools/call", {}),
        ("tools/call", {"name": 5}),
        ("tools/call", {"name": None, "arguments": {}}),
        ("tools/call", {"name": "no_such_tool"}),
        ("tools/call", {"name": "create_ticket", "arguments": "x"}),
        ("tools/call", {"name": "create_ticket", "arguments": None}),
    ],
)
def test_modern_request_with_invalid_parameters_returns_400(
    client: FlaskClient, method: str, params: dict[str, Any]
) -> None:
    name = params.get("name")
    request_headers = headers(MODERN, method, name if isinstance(name, str) else None)
    response = send(client, request(MODERN, method, params), request_headers)
    assert (response.status_code, error_code(response), response.json["id"]) == (400, -32602, 1)


def test_rejects_initialize_with_the_modern_version_header(client: FlaskClient) -> None:
    body = request(LEGACY[0], "initialize", {"protocolVersion": MODERN, **CLIENT_PARAMS})
    response = send(client, body, {"MCP-Protocol-Version": MODERN})
    assert (response.status_code, error_code(response)) == (400, -32602)


def test_discover_returns_versions_capabilities_and_instructions(client: FlaskClient) -> None:
    """The schema is "DiscoverResult" in `server/discover`."""
    response = ask(client, MODERN, "server/discover")
    assert response.status_code == 200
    result = response.json["result"]
    instructions = result.pop("instructions")
    assert "spoken_number" in instructions
    assert result == {
        "resultType": "complete",
        "supportedVersions": [*REVISIONS],
        "capabilities": {"tools": {}},
        "ttlMs": 3_600_000,
        "cacheScope": "public",
        "_meta": {
            "io.modelcontextprotocol/serverInfo": {"name": "itsm-tickets", "version": "1.0.0"}
        },
    }


def test_modern_results_are_complete_and_name_the_server(client: FlaskClient) -> None:
    listed = ask(client, MODERN, "tools/list").json["result"]
    called = call(client, "get_ticket_status", {"ticket_id": "x"}, MODERN)
    assert set(listed) == {"resultType", "tools", "ttlMs", "cacheScope", "_meta"}
    assert set(called) == {"resultType", "content", "isError", "_meta"}
    for result in (listed, called):
        assert result["resultType"] == "complete"
        assert [*result["_meta"]] == ["io.modelcontextprotocol/serverInfo"]


@pytest.mark.parametrize("revision", LEGACY)
def test_legacy_results_have_no_modern_fields(client: FlaskClient, revision: str) -> None:
    assert set(ask(client, revision, "tools/list").json["result"]) == {"tools"}
    called = call(client, "get_ticket_status", {"ticket_id": "x"}, revision)
    assert set(called) == {"content", "isError"}


def test_progress_token_does_not_make_a_request_modern(client: FlaskClient) -> None:
    params = {"_meta": {"progressToken": 1, CAPABILITIES: {}}, **CALL}
    result = ask(client, "2025-06-18", "tools/call", params).json["result"]
    assert "resultType" not in result
