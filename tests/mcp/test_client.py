"""Tests of /mcp with the official client over a real socket, in each protocol revision."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import mcp_types
import pytest
from mcp import Client, ClientSession, MCPError
from mcp.client.streamable_http import streamable_http_client
from werkzeug.serving import make_server

from itsm_app import config
from itsm_app.api import auth
from tests.support.keyless import keyless_app

from ..conftest import ON_MOTO
from ..support.mcp_messages import MODERN, REVISIONS

# The fast suite sends the same messages without the SDK: `test_transport.py`, `test_tools.py`.
pytestmark = [ON_MOTO, pytest.mark.exhaustive]

KEY, ENTRY = auth.make("voice", "agent")
CLIENT_INFO = mcp_types.Implementation(name="test", version="0")
CAPABILITIES = mcp_types.ClientCapabilities()
EVERY_REVISION = pytest.mark.parametrize("revision", REVISIONS)


@pytest.fixture(scope="module")
def url(engine: str) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "API_KEYS", ENTRY)
        server = make_server("127.0.0.1", 0, keyless_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.port}/mcp"
    server.shutdown()
    thread.join()
    server.server_close()


@asynccontextmanager
async def connect(
    url: str, revision: str, headers: dict[str, str] | None = None
) -> AsyncIterator[ClientSession]:
    """Open a session that uses exactly this revision."""
    async with (
        httpx2.AsyncClient(headers={"x-api-key": KEY, **(headers or {})}, timeout=10) as http,
        streamable_http_client(url, http_client=http) as (receiving, sending),
        ClientSession(receiving, sending, client_info=CLIENT_INFO) as session,
    ):
        await (session.discover() if revision == MODERN else initialize(session, revision))
        assert session.protocol_version == revision
        yield session


async def initialize(session: ClientSession, revision: str) -> None:
    params = mcp_types.InitializeRequestParams(
        protocol_version=revision, capabilities=CAPABILITIES, client_info=CLIENT_INFO
    )
    request = mcp_types.InitializeRequest(params=params)
    session.adopt(await session.send_request(request, mcp_types.InitializeResult))
    await session.send_notification(mcp_types.InitializedNotification())


def run(
    url: str,
    revision: str,
    use_session: Callable[[ClientSession], Awaitable[Any]],
    headers: dict[str, str] | None = None,
) -> Any:
    async def main() -> Any:
        async with connect(url, revision, headers) as session:
            return await use_session(session)

    return anyio.run(main)


def text_content(result: Any, revision: str, is_structured: bool = True) -> Any:
    """Return the content of a result. Structured content must be equal to the text."""
    (block,) = result.content
    assert not result.is_error
    content = json.loads(block.text)
    has_copy = is_structured and revision != "2025-03-26"
    assert result.structured_content == (content if has_copy else None)
    return content


@EVERY_REVISION
def test_client_lists_and_calls_the_four_tools(url: str, caller: str, revision: str) -> None:
    # The client validates each structured result against the tool's output schema.

    async def use_session(session: ClientSession) -> Any:
        tools = (await session.list_tools()).tools
        new = {"caller_id": caller, "issue_description": "My printer is on fire 🔥"}
        created = text_content(await session.call_tool("create_ticket", new), revision)
        add = {"ticket_id": created["ticket_number"], "comment": "Ω"}
        added = text_content(await session.call_tool("add_ticket_comment", add), revision)
        one = {"ticket_id": created["ticket_id"]}
        shown = text_content(await session.call_tool("get_ticket_status", one), revision, False)
        query = {"caller": caller}
        listed = text_content(
            await session.call_tool("list_recent_tickets", query), revision, False
        )
        return tools, added, shown, listed

    tools, added, shown, listed = run(url, revision, use_session)
    assert {tool.name: tool.annotations.read_only_hint for tool in tools} == {
        "create_ticket": False,
        "list_recent_tickets": True,
        "get_ticket_status": True,
        "add_ticket_comment": False,
    }
    assert [tool.name for tool in tools if tool.output_schema] == (
        [] if revision == "2025-03-26" else ["create_ticket", "add_ticket_comment"]
    )
    assert (shown["issue_description"], added["success"]) == ("My printer is on fire 🔥", True)
    assert [comment["comment_text"] for comment in shown["comments"]] == ["Ω"]
    assert listed == {"tickets": [shown]}


@EVERY_REVISION
def test_client_receives_errors_and_keeps_its_session(url: str, revision: str) -> None:
    async def use_session(session: ClientSession) -> Any:
        mistyped = await session.call_tool("get_ticket_status", {"ticket_id": "123456789012"})
        with pytest.raises(MCPError) as unknown:
            await session.call_tool("no_such_tool", {})
        return mistyped, unknown.value.error, (await session.list_tools()).tools

    mistyped, unknown, tools = run(url, revision, use_session)
    assert mistyped.is_error
    assert json.loads(mistyped.content[0].text)["code"] == "misheard_number"
    assert unknown.code == -32602
    assert "create_ticket" in unknown.message
    assert len(tools) == 4


@EVERY_REVISION
def test_bound_client_may_omit_the_caller(url: str, caller: str, revision: str) -> None:
    async def use_session(session: ClientSession) -> Any:
        new = {"issue_description": "My printer is on fire"}
        created = text_content(await session.call_tool("create_ticket", new), revision)
        own = text_content(await session.call_tool("list_recent_tickets", {}), revision, False)
        other = await session.call_tool("list_recent_tickets", {"caller": "another"})
        return (await session.list_tools()).tools, created, own, other

    tools, created, own, other = run(
        url, revision, use_session, {"X-Caller-Id": caller.replace("+", "%2B")}
    )
    assert not [
        tool for tool in tools if {"caller", "caller_id"} & {*tool.input_schema["properties"]}
    ]
    assert [ticket["ticket_id"] for ticket in own["tickets"]] == [created["ticket_id"]]
    assert own["tickets"][0]["caller_id"] == caller
    assert json.loads(other.content[0].text)["code"] == "caller_mismatch"


@pytest.mark.parametrize("revision", REVISIONS[1:])
def test_answers_pings_of_legacy_clients(url: str, revision: str) -> None:
    assert run(url, revision, lambda session: session.send_ping()).model_dump()


def test_current_client_negotiates_the_latest_revision(url: str) -> None:
    async def main() -> tuple[str, int, str]:
        async with (
            httpx2.AsyncClient(headers={"x-api-key": KEY}) as http,
            Client(streamable_http_client(url, http_client=http), mode="auto") as client,
        ):
            tools = (await client.list_tools()).tools
            return client.protocol_version, len(tools), str(client.instructions)

    revision, tools, instructions = anyio.run(main)
    assert (revision, tools) == (MODERN, 4)
    assert "spoken_number" in instructions


def test_legacy_client_negotiates_the_latest_revision_with_a_handshake(url: str) -> None:
    async def main() -> tuple[str, Any]:
        async with (
            httpx2.AsyncClient(headers={"x-api-key": KEY}) as http,
            Client(streamable_http_client(url, http_client=http), mode="legacy") as client,
        ):
            return client.protocol_version, (await client.call_tool("list_recent_tickets", {}))

    revision, result = anyio.run(main)
    assert revision == "2025-11-25"
    assert json.loads(result.content[0].text)["code"] == "invalid_field"


def test_client_receives_the_error_for_a_foreign_origin(url: str) -> None:
    async def use_session(session: ClientSession) -> None:
        raise AssertionError

    with pytest.raises(BaseExceptionGroup) as raised:
        run(url, MODERN, use_session, {"Origin": "http://evil.example"})
    assert raised.group_contains(MCPError, match="Pages of this Origin must not use this server")
