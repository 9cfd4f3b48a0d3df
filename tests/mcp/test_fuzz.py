"""Whatever is sent to /mcp is answered by a message, or taken without a word."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from itsm_app import config, create_app
from itsm_app.api import auth

from ..conftest import ON_MOTO
from ..support.mcp_messages import META, REVISIONS, headers, request, send

pytestmark = ON_MOTO

TOOLS = ["create_ticket", "get_ticket_status", "add_ticket_comment", "list_recent_tickets"]
FIELDS = ["ticket_id", "comment", "caller", "caller_id", "issue_description", "limit", "cursor"]
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
        lambda body, at, some: body[:at] + some + body[at:],
        messages.map(lambda body: json.dumps(body).encode()),
        st.integers(0, 200),
        st.binary(max_size=3),
    )
)
# What a server hands on of a header: no control characters, and each byte as one character.
words = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=20)
sent_headers = st.fixed_dictionaries(
    {},
    optional={
        "MCP-Protocol-Version": st.sampled_from(REVISIONS) | words,
        "Mcp-Method": st.sampled_from(METHODS) | words,
        "Mcp-Name": st.sampled_from(TOOLS) | words.map(lambda word: f"=?base64?{word}?="),
        "X-Caller-Id": words,
        "Accept": words | words.map(lambda word: f"application/json;{word}"),
        "Content-Type": words | words.map(lambda word: f"application/json;{word}"),
        "Origin": words | words.map(lambda word: f"http://localhost{word}"),
        "Host": words | words.map(lambda word: f"localhost{word}"),
    },
)
many = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def check(response: TestResponse) -> None:
    assert response.status_code < 500
    # Nor a failure of ours within a 200.
    assert "internal_error" not in response.text
    if response.status_code == 202:
        assert response.data == b""
    else:
        assert response.content_type == "application/json"
        answers = response.json if isinstance(response.json, list) else [response.json]
        assert answers
        for answer in answers:
            assert answer["jsonrpc"] == "2.0"
            assert isinstance(answer["id"], str | int | None)
            assert answer.keys() - {"jsonrpc", "id"} in ({"result"}, {"error"})


def test_whatever_the_body_and_the_headers(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without keys, an Origin of elsewhere would be all that is looked at.
    key, entry = auth.make("voice", "agent")
    monkeypatch.setattr(config, "API_KEYS", entry)
    client = create_app().test_client()
    client.environ_base["HTTP_X_API_KEY"] = key

    @given(body=bodies, sent=sent_headers)
    @many
    def run(body: bytes, sent: dict[str, Any]) -> None:
        check(send(client, body, sent))

    run()


def test_whatever_the_parameters_of_a_request_that_is_one(client: FlaskClient) -> None:
    @given(st.sampled_from(REVISIONS), st.sampled_from(METHODS), params)
    @many
    def run(revision: str, method: str, params: dict[str, Any]) -> None:
        name = params.get("name")
        named = name if name in TOOLS else None
        check(send(client, request(revision, method, params), headers(revision, method, named)))

    run()


def test_whatever_the_arguments_of_a_call_that_is_one(client: FlaskClient) -> None:
    @given(st.sampled_from(REVISIONS), st.sampled_from(TOOLS), arguments)
    @many
    def run(revision: str, tool: str, arguments: dict[str, Any]) -> None:
        body = request(revision, "tools/call", {"name": tool, "arguments": arguments})
        response = send(client, body, headers(revision, "tools/call", tool))
        check(response)
        # `json.dumps` writes what JSON does not know.
        assert "result" in response.json or response.json["error"]["code"] == -32700

    run()
