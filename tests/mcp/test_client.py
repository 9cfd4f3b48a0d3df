"""The official client, over a real socket: each revision that it speaks, and what it settles on."""

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

from itsm_app import config, create_app
from itsm_app.api import auth

from ..conftest import ON_MOTO
from ..support.mcp_messages import MODERN, REVISIONS

pytestmark = ON_MOTO

KEY, ENTRY = auth.make("voice", "agent")
SELF = mcp_types.Implementation(name="test", version="0")
CAPABILITIES = mcp_types.ClientCapabilities()
EVERY_REVISION = pytest.mark.parametrize("revision", REVISIONS)


@pytest.fixture(scope="module")
def url(engine: str) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "API_KEYS", ENTRY)
        server = make_server("127.0.0.1", 0, create_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/mcp"
    server.shutdown()
    thread.join()
    server.server_close()


@asynccontextmanager
async def connect(
    url: str, revision: str, headers: dict[str, str] | None = None
) -> AsyncIterator[ClientSession]:
    """A session that speaks this revision and no other."""
    async with (
        httpx2.AsyncClient(headers={"x-api-key": KEY, **(headers or {})}, timeout=10) as http,
        streamable_http_client(url, http_client=http) as (receiving, sending),
        ClientSession(receiving, sending, client_info=SELF) as session,
    ):
        await (session.discover() if revision == MODERN else shake_hands(session, revision))
        assert session.protocol_version == revision
        yield session


async def shake_hands(session: ClientSession, revision: str) -> None:
    params = mcp_types.InitializeRequestParams(
        protocol_version=revision, capabilities=CAPABILITIES, client_info=SELF
    )
    request = mcp_types.InitializeRequest(params=params)
    session.adopt(await session.send_request(request, mcp_types.InitializeResult))
    await session.send_notification(mcp_types.InitializedNotification())


def run(
    url: str,
    revision: str,
    talk: Callable[[ClientSession], Awaitable[Any]],
    headers: dict[str, str] | None = None,
) -> Any:
    async def main() -> Any:
        async with connect(url, revision, headers) as session:
            return await talk(session)

    return anyio.run(main)


def said(result: Any, revision: str) -> Any:
    """Return what a result says, the same as text and as data."""
    (block,) = result.content
    assert not result.is_error
    told = json.loads(block.text)
    assert result.structured_content == (None if revision == "2025-03-26" else told)
    return told


@EVERY_REVISION
def test_the_client_lists_and_calls_the_four_tools(url: str, caller: str, revision: str) -> None:
    """The client holds each structured answer to the tool's schema itself."""

    async def talk(session: ClientSession) -> Any:
        tools = (await session.list_tools()).tools
        new = {"caller_id": caller, "issue_description": "My printer is on fire 🔥"}
        made = said(await session.call_tool("create_ticket", new), revision)
        add = {"ticket_id": made["ticket_number"], "comment": "Ω"}
        added = said(await session.call_tool("add_ticket_comment", add), revision)
        one = {"ticket_id": made["ticket_id"]}
        shown = said(await session.call_tool("get_ticket_status", one), revision)
        query = {"caller": caller}
        listed = said(await session.call_tool("list_recent_tickets", query), revision)
        return tools, added, shown, listed

    tools, added, shown, listed = run(url, revision, talk)
    assert {tool.name: tool.annotations.read_only_hint for tool in tools} == {
        "create_ticket": False,
        "list_recent_tickets": True,
        "get_ticket_status": True,
        "add_ticket_comment": False,
    }
    assert all((tool.output_schema is None) == (revision == "2025-03-26") for tool in tools)
    assert (shown["issue_description"], added["success"]) == ("My printer is on fire 🔥", True)
    assert [each["comment_text"] for each in shown["comments"]] == ["Ω"]
    assert listed == {"tickets": [shown]}


@EVERY_REVISION
def test_the_client_is_told_what_went_wrong_and_goes_on(url: str, revision: str) -> None:
    async def talk(session: ClientSession) -> Any:
        misheard = await session.call_tool("get_ticket_status", {"ticket_id": "123456789012"})
        with pytest.raises(MCPError) as unknown:
            await session.call_tool("no_such_tool", {})
        return misheard, unknown.value.error, (await session.list_tools()).tools

    misheard, unknown, tools = run(url, revision, talk)
    assert misheard.is_error
    assert json.loads(misheard.content[0].text)["code"] == "misheard_number"
    assert unknown.code == -32602
    assert "create_ticket" in unknown.message
    assert len(tools) == 4


@EVERY_REVISION
def test_a_client_that_is_bound_need_not_say_for_whom_it_calls(
    url: str, caller: str, revision: str
) -> None:
    async def talk(session: ClientSession) -> Any:
        new = {"issue_description": "My printer is on fire"}
        made = said(await session.call_tool("create_ticket", new), revision)
        mine = said(await session.call_tool("list_recent_tickets", {}), revision)
        other = await session.call_tool("list_recent_tickets", {"caller": "another"})
        return (await session.list_tools()).tools, made, mine, other

    tools, made, mine, other = run(url, revision, talk, {"X-Caller-Id": caller.replace("+", "%2B")})
    assert not [
        tool for tool in tools if {"caller", "caller_id"} & {*tool.input_schema["properties"]}
    ]
    assert [each["ticket_id"] for each in mine["tickets"]] == [made["ticket_id"]]
    assert mine["tickets"][0]["caller_id"] == caller
    assert json.loads(other.content[0].text)["code"] == "caller_mismatch"


@pytest.mark.parametrize("revision", REVISIONS[1:])
def test_a_legacy_client_may_ping(url: str, revision: str) -> None:
    assert run(url, revision, lambda session: session.send_ping()).model_dump()


def test_the_client_settles_on_the_latest_revision(url: str) -> None:
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


def test_an_older_client_settles_on_the_latest_that_has_a_handshake(url: str) -> None:
    async def main() -> tuple[str, Any]:
        async with (
            httpx2.AsyncClient(headers={"x-api-key": KEY}) as http,
            Client(streamable_http_client(url, http_client=http), mode="legacy") as client,
        ):
            return client.protocol_version, (await client.call_tool("list_recent_tickets", {}))

    revision, result = anyio.run(main)
    assert revision == "2025-11-25"
    assert json.loads(result.content[0].text)["code"] == "invalid_field"


def test_a_page_of_another_origin_is_told_so(url: str) -> None:
    async def talk(session: ClientSession) -> None:
        raise AssertionError

    with pytest.raises(BaseExceptionGroup) as raised:
        run(url, MODERN, talk, {"Origin": "http://evil.example"})
    assert raised.group_contains(MCPError, match="No page of this Origin may call here")
