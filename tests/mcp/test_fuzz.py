"""Fuzz tests of /mcp: every request gets a JSON-RPC message or an empty 202 response."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from ..conftest import ON_MOTO
from ..support.desk import AGENT
from ..support.exhaustive import exhaustive, one_per_path
from ..support.mcp_messages import META, MODERN, REVISIONS, VERSION, headers, request, send

pytestmark = ON_MOTO

TOOLS = ["create_ticket", "get_ticket_status", "add_ticket_comment", "list_recent_tickets"]
FIELDS = ["ticket_id", "comment", "comments", "caller", "caller_id", "issue_description"]
FIELDS += ["idempotency_key", "limit", "cursor", "status"]
METHODS = ["initialize", "ping", "server/discover", "tools/list", "tools/call", "x"]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(TOOLS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
arguments = st.dictionaries(st.sampled_from(FIELDS), values | st.just("x"))
params = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(TOOLS) | values,
        "arguments": arguments | values,
        "cursor": values,
        "_meta": st.just(META) | values,
        "protocolVersion": st.sampled_from(REVISIONS) | values,
        "capabilities": values,
        "clientInfo": values,
    },
)
messages = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | values},
    optional={
        "id": st.integers() | values,
        "method": st.sampled_from(METHODS) | values,
        "params": params | values,
        "result": values,
    },
)
bodies = (
    st.binary()
    | (messages | values | st.lists(messages | values, max_size=12)).map(
        lambda body: json.dumps(body).encode()
    )
    | st.builds(
        lambda body, index, inserted: body[:index] + inserted + body[index:],
        messages.map(lambda body: json.dumps(body).encode()),
        st.integers(0, 200),
        st.binary(max_size=3),
    )
)
# A WSGI server passes header values without control characters, each byte as one character.
header_values = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=20)
sent_headers = st.fixed_dictionaries(
    {},
    optional={
        "MCP-Protocol-Version": st.sampled_from(REVISIONS) | header_values,
        "Mcp-Method": st.sampled_from(METHODS) | header_values,
        "Mcp-Name": st.sampled_from(TOOLS) | header_values.map(lambda value: f"=?base64?{value}?="),
        "X-Caller-Id": header_values,
        "Accept": header_values | header_values.map(lambda value: f"application/json;{value}"),
        "Content-Type": header_values
        | header_values.map(lambda value: f"application/json;{value}"),
        "Origin": header_values | header_values.map(lambda value: f"http://localhost{value}"),
        "Host": header_values | header_values.map(lambda value: f"localhost{value}"),
    },
)
fuzz_settings = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


EXAMPLES = pytest.mark.parametrize("examples", [25, exhaustive(200)])


def check_response(response: TestResponse) -> None:
    assert response.status_code < 500
    # A tool result with status 200 can hide an internal error.
    assert "internal_error" not in response.text
    if response.status_code == 202:
        assert response.data == b""
    else:
        assert response.content_type == "application/json"
        responses = response.json if isinstance(response.json, list) else [response.json]
        assert responses
        for message in responses:
            assert message["jsonrpc"] == "2.0"
            assert isinstance(message["id"], str | int | None)
            assert message.keys() - {"jsonrpc", "id"} in ({"result"}, {"error"})


@EXAMPLES
def test_handles_any_body_and_headers(engine: str, app_with_keys: Flask, examples: int) -> None:
    # Without API keys, `auth` rejects foreign origins before the MCP code reads the request.
    client = app_with_keys.test_client()
    client.environ_base["HTTP_X_API_KEY"] = AGENT

    @given(body=bodies, request_headers=sent_headers)
    @settings(fuzz_settings, max_examples=examples)
    def check_request(body: bytes, request_headers: dict[str, Any]) -> None:
        check_response(send(client, body, request_headers))

    check_request()


HOSTILE_VALUES = [
    b"[" * 20_000 + b"]" * 20_000,
    b'{"x":' * 8_000 + b"1" + b"}" * 8_000,
    b"[" * 400 + b"]" * 400,
    b"9" * 5000,
    b"-" + b"9" * 5000,
    b"1" + b".0" * 2,
    b"0." + b"0" * 5000 + b"1",
    b"1e400",
    b"-1e400",
    b"1e-400",
    b"-0.0",
    b"1e2",
    b"9223372036854775808",
    b"9223372036854775807.0",
    b"NaN",
    b"-Infinity",
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\xed\xa0\x80"',
    b'"\xff"',
    b'"\\u0000"',
    b'"' + "\U0001f600".encode() * 5_000 + b'"',
    b"null",
    b"true",
    b'""',
    b"[]",
    b"{}",
    b"",
]
# A message with a value at `@`.
POSITIONS = [
    b"@",
    b"[@]",
    b'{"jsonrpc": @, "id": 1, "method": "ping"}',
    b'{"jsonrpc": "2.0", "id": @, "method": "ping"}',
    b'{"jsonrpc": "2.0", "id": 1, "method": @}',
    b'{"jsonrpc": "2.0", "id": 1, "result": @}',
    b'{"jsonrpc": "2.0", "id": 1, "error": @}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": @}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"_meta": @}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"_meta": {"%s": @}}}'
    % VERSION.encode(),
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"cursor": @}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": @,'
    b' "capabilities": {}, "clientInfo": {}}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": @}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "create_ticket",'
    b' "arguments": @}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "create_ticket",'
    b' "arguments": {"caller_id": "a", "issue_description": "b", "other": @}}}',
    *(
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "%s",'
        b' "arguments": {"caller": "a", "%s": @}}}' % (tool.encode(), field.encode())
        for tool in TOOLS
        for field in FIELDS
    ),
]


@pytest.mark.parametrize(
    ("position", "version"),
    one_per_path(
        product(POSITIONS, [None, "2025-11-25", MODERN]),
        lambda case: case[1] is None and b"arguments" not in case[0],
    ),
    ids=lambda position: repr(position)[40:],
)
def test_handles_hostile_values_at_each_position(
    client: FlaskClient, position: bytes, version: str | None
) -> None:
    for value in HOSTILE_VALUES:
        body = position.replace(b"@", value)
        check_response(send(client, body, {"MCP-Protocol-Version": version}))


@EXAMPLES
def test_handles_any_parameters_of_a_valid_request(client: FlaskClient, examples: int) -> None:
    @given(st.sampled_from(REVISIONS), st.sampled_from(METHODS), params)
    @settings(fuzz_settings, max_examples=examples)
    def check_request(revision: str, method: str, params: dict[str, Any]) -> None:
        name = params.get("name")
        name_header = name if name in TOOLS else None
        request_headers = headers(revision, method, name_header)
        check_response(send(client, request(revision, method, params), request_headers))

    check_request()


@EXAMPLES
def test_handles_any_arguments_of_a_valid_tool_call(client: FlaskClient, examples: int) -> None:
    @given(st.sampled_from(REVISIONS), st.sampled_from(TOOLS), arguments)
    @settings(fuzz_settings, max_examples=examples)
    def check_request(revision: str, tool: str, arguments: dict[str, Any]) -> None:
        body = request(revision, "tools/call", {"name": tool, "arguments": arguments})
        response = send(client, body, headers(revision, "tools/call", tool))
        check_response(response)
        # `json.dumps` writes NaN and Infinity, which are not valid JSON.
        assert "result" in response.json or response.json["error"]["code"] == -32700

    check_request()
