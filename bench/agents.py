"""Tokens that a model reads, and CPU of a tool call: `.venv/bin/python -m bench.agents`.

The first table has the bytes and tokens of the list of tools and of each tool result. The reference
is a server of the official Python SDK (`mcp`) with the same four operations, written as the SDK's
documentation shows. bpe-openai counts tokens with the encoding o200k_base.

The second part compares the CPU of a call at `/mcp` with the CPU of the same call over HTTP.

Both servers run in this process, on one DynamoDB Local.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Annotated, Any

import anyio
import bpe_openai
from flask.testing import FlaskClient
from mcp import Client
from mcp.server import MCPServer
from pydantic import BaseModel, Field

from itsm_app.storage import table
from tests.support import mcp_messages
from tests.support.dynamodb_endpoint import use_dynamodb
from tests.support.dynamodb_local import dynamodb_local
from tests.support.keyless import keyless_app

ROUNDS = 30
CALLS = 20
CALLER = "+15550100"
DESCRIPTION = (
    "My printer is on fire. It began this morning, when I changed the toner; the smoke is grey."
)
REVISION = mcp_messages.MODERN
ENCODING = bpe_openai.get_encoding("o200k_base")

CallerId = Annotated[str, Field(min_length=1, max_length=100, description="The ticket's caller.")]
Text = Annotated[str, Field(min_length=1, max_length=1000, description="In the caller's words.")]
Key = Annotated[str | None, Field(max_length=100, description="New for each text.")]
TicketId = Annotated[str, Field(description="A ticket_id, or the number that the caller says.")]


class Created(BaseModel):
    ticket_id: str
    ticket_number: str
    spoken_number: str
    status: str
    created_at: str


class Added(BaseModel):
    success: bool
    updated_at: str
    comment_id: str


class Comment(BaseModel):
    comment_text: str
    added_at: str
    comment_id: str | None = None
    author: str | None = None


class Ticket(Created):
    caller_id: str
    issue_description: str
    priority: str
    assignee: str | None = None
    updated_at: str
    comments: list[Comment]


class Tickets(BaseModel):
    tickets: list[Ticket]
    next_cursor: str | None = None


def main() -> None:
    """Print the sizes and the CPU times."""
    logging.disable(logging.WARNING)
    with dynamodb_local() as url:
        use_dynamodb(url)
        table.create()
        client = keyless_app().test_client()
        ticket = create_tickets(client)
        calls: list[tuple[str, dict[str, Any]]] = [
            ("create_ticket", {"caller_id": CALLER, "issue_description": DESCRIPTION}),
            ("get_ticket_status", {"ticket_id": ticket}),
            ("add_ticket_comment", {"ticket_id": ticket, "comment": DESCRIPTION}),
            ("list_recent_tickets", {"caller": CALLER}),
        ]
        print_sizes(client, calls)
        print_times(client, ticket)


def create_tickets(client: FlaskClient) -> str:
    """Create ten tickets with three comments each, and return the id of the last ticket."""
    for _ in range(10):
        new = {"caller_id": CALLER, "issue_description": DESCRIPTION}
        ticket = str(send(client, "POST", "/tickets", json=new)["ticket_id"])
        for _ in range(3):
            client.post(f"/tickets/{ticket}/comments", json={"comment": DESCRIPTION})
    return ticket


def print_sizes(client: FlaskClient, calls: list[tuple[str, dict[str, Any]]]) -> None:
    print(f"{'':22}|  bytes  tokens | of mcp's server | ratio of tokens")
    tools: Any = mcp_messages.ask(client, REVISION, "tools/list").json
    ours = [
        to_json(tools["result"]["tools"]),
        *(result_text(client, name, arguments) for name, arguments in calls),
    ]
    theirs = anyio.run(sdk_texts, client, calls)
    names = ["tools/list", *(name for name, _ in calls)]
    for name, our_text, their_text in zip(names, ours, theirs, strict=True):
        our_tokens, their_tokens = count_tokens(our_text), count_tokens(their_text)
        print(f"{name:22}|{len(our_text.encode()):7}{our_tokens:8} |", end="")
        print(f"{len(their_text.encode()):7}{their_tokens:8}  |{our_tokens / their_tokens:8.2f}")


def result_text(client: FlaskClient, name: str, arguments: dict[str, Any]) -> str:
    """Return the text that a model reads as the result of a tool call."""
    params = {"name": name, "arguments": arguments}
    response: Any = mcp_messages.ask(client, REVISION, "tools/call", params).json
    return str(response["result"]["content"][0]["text"])


async def sdk_texts(client: FlaskClient, calls: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return the list of tools and the tool results of the SDK's server."""
    async with Client(sdk_server(client)) as sdk_client:
        tools = (await sdk_client.list_tools()).tools
        texts = [to_json([tool.model_dump(by_alias=True, exclude_none=True) for tool in tools])]
        for name, arguments in calls:
            result = await sdk_client.call_tool(name, arguments)
            texts.append("".join(getattr(part, "text", "") for part in result.content))
    return texts


def sdk_server(client: FlaskClient) -> MCPServer:
    """Return a server with the four operations, as a user of the SDK would write it.

    Its tools call the app's HTTP routes, and have the descriptions of the app's OpenAPI document.
    """
    server = MCPServer("tickets")
    document = json.loads((Path("itsm_app") / "openapi" / "openapi.json").read_text())
    descriptions = {
        operation["operationId"]: operation["description"]
        for path in document["paths"].values()
        for operation in path.values()
    }

    @server.tool(description=descriptions["create_ticket"])
    def create_ticket(
        caller_id: CallerId, issue_description: Text, idempotency_key: Key = None
    ) -> Created:
        body = {"caller_id": caller_id, "issue_description": issue_description}
        return Created(
            **send(client, "POST", "/tickets", json={**body, "idempotency_key": idempotency_key})
        )

    @server.tool(description=descriptions["get_ticket_status"])
    def get_ticket_status(
        ticket_id: TicketId, caller: CallerId | None = None, comments: str = "all"
    ) -> Ticket:
        path = f"/tickets/{ticket_id}?comments={comments}"
        return Ticket(**send(client, "GET", path))

    @server.tool(description=descriptions["add_ticket_comment"])
    def add_ticket_comment(
        ticket_id: TicketId,
        comment: Text,
        caller: CallerId | None = None,
        idempotency_key: Key = None,
    ) -> Added:
        body = {"comment": comment, "idempotency_key": idempotency_key}
        path = f"/tickets/{ticket_id}/comments"
        return Added(**send(client, "POST", path, json=body))

    @server.tool(description=descriptions["list_recent_tickets"])
    def list_recent_tickets(
        caller: CallerId,
        status: str | None = None,
        comments: str = "all",
        limit: Annotated[int, Field(ge=1, le=100)] = 10,
        cursor: str | None = None,
    ) -> Tickets:
        query = {"caller": caller, "comments": comments, "limit": limit}
        return Tickets(**send(client, "GET", "/tickets", query_string=query))

    return server


def send(client: FlaskClient, method: str, path: str, **options: Any) -> Any:
    return client.open(path, method=method, **options).json


def print_times(client: FlaskClient, ticket: str) -> None:
    params = {"name": "get_ticket_status", "arguments": {"ticket_id": ticket}}

    def call_tool() -> int:
        return mcp_messages.ask(client, REVISION, "tools/call", params).status_code

    def call_route() -> int:
        return client.get(f"/tickets/{ticket}").status_code

    least = {call_tool: float("inf"), call_route: float("inf")}
    for _ in range(ROUNDS):
        for call in least:
            start = time.process_time()
            assert {call() for _ in range(CALLS)} == {200}
            least[call] = min(least[call], (time.process_time() - start) / CALLS)
    tool, route = least[call_tool], least[call_route]
    print(f"\nCPU of get_ticket_status: {tool * 1000:.2f} ms at /mcp,", end=" ")
    print(f"{route * 1000:.2f} ms by its route, ratio {tool / route:.2f}")


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def count_tokens(text: str) -> int:
    return len(ENCODING.encode(text))


if __name__ == "__main__":
    main()
