"""What a model is given to read, and a tool call's CPU: `.venv/bin/python -m bench.agents`.

Bytes and tokens (o200k_base, by bpe-openai) of the list of tools and of each answer, beside what
the official Python SDK's server (`mcp`) prints of the same four operations, written as its
documentation shows. Then the CPU of a call at /mcp, beside that of its route. All are in this
process, on one DynamoDB Local.
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

from itsm_app import create_app
from itsm_app.storage import table
from tests.support import mcp_messages
from tests.support.dynamodb_endpoint import use_dynamodb
from tests.support.dynamodb_local import dynamodb_local

ROUNDS = 30
CALLS = 20
CALLER = "+15550100"
PROBLEM = (
    "My printer is on fire. It began this morning, when I changed the toner; the smoke is grey."
)
REVISION = mcp_messages.MODERN
TOKENS = bpe_openai.get_encoding("o200k_base")

CallerId = Annotated[str, Field(min_length=1, max_length=100, description="Whose ticket it is.")]
Text = Annotated[str, Field(min_length=1, max_length=1000, description="In the caller's words.")]
Key = Annotated[str | None, Field(max_length=100, description="New for each thing said.")]
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
    """Print both tables."""
    logging.disable(logging.WARNING)
    with dynamodb_local() as url:
        use_dynamodb(url)
        table.create()
        client = create_app().test_client()
        ticket = fill(client)
        calls: list[tuple[str, dict[str, Any]]] = [
            ("create_ticket", {"caller_id": CALLER, "issue_description": PROBLEM}),
            ("get_ticket_status", {"ticket_id": ticket}),
            ("add_ticket_comment", {"ticket_id": ticket, "comment": PROBLEM}),
            ("list_recent_tickets", {"caller": CALLER}),
        ]
        print_sizes(client, calls)
        print_times(client, ticket)


def fill(client: FlaskClient) -> str:
    """File ten tickets with three comments each; return the id of the last."""
    for _ in range(10):
        new = {"caller_id": CALLER, "issue_description": PROBLEM}
        ticket = str(send(client, "POST", "/tickets", json=new)["ticket_id"])
        for _ in range(3):
            client.post(f"/tickets/{ticket}/comments", json={"comment": PROBLEM})
    return ticket


def print_sizes(client: FlaskClient, calls: list[tuple[str, dict[str, Any]]]) -> None:
    print(f"{'':22}|  bytes  tokens | of mcp's server | ratio of tokens")
    listed: Any = mcp_messages.ask(client, REVISION, "tools/list").json
    ours = [
        text(listed["result"]["tools"]),
        *(answer(client, name, arguments) for name, arguments in calls),
    ]
    theirs = anyio.run(of_sdk, client, calls)
    names = ["tools/list", *(name for name, _ in calls)]
    for name, own, other in zip(names, ours, theirs, strict=True):
        cells = [len(own.encode()), tokens(own), len(other.encode()), tokens(other)]
        print(f"{name:22}|{cells[0]:7}{cells[1]:8} |{cells[2]:7}{cells[3]:8}  |", end="")
        print(f"{cells[1] / cells[3]:8.2f}")


def answer(client: FlaskClient, name: str, arguments: dict[str, Any]) -> str:
    """Return what a model reads of a call's result."""
    params = {"name": name, "arguments": arguments}
    said: Any = mcp_messages.ask(client, REVISION, "tools/call", params).json
    return str(said["result"]["content"][0]["text"])


async def of_sdk(client: FlaskClient, calls: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return the same of the SDK's server."""
    async with Client(server(client)) as theirs:
        tools = (await theirs.list_tools()).tools
        said = [text([each.model_dump(by_alias=True, exclude_none=True) for each in tools])]
        for name, arguments in calls:
            result = await theirs.call_tool(name, arguments)
            said.append("".join(getattr(each, "text", "") for each in result.content))
    return said


def server(client: FlaskClient) -> MCPServer:
    """Return the four operations as a user of the SDK would write them, over our routes."""
    desk = MCPServer("tickets")
    described = json.loads((Path("itsm_app") / "openapi.json").read_text())["paths"]
    said = {
        each["operationId"]: each["description"]
        for path in described.values()
        for each in path.values()
    }

    @desk.tool(description=said["create_ticket"])
    def create_ticket(
        caller_id: CallerId, issue_description: Text, idempotency_key: Key = None
    ) -> Created:
        body = {"caller_id": caller_id, "issue_description": issue_description}
        return Created(
            **send(client, "POST", "/tickets", json={**body, "idempotency_key": idempotency_key})
        )

    @desk.tool(description=said["get_ticket_status"])
    def get_ticket_status(
        ticket_id: TicketId, caller: CallerId | None = None, comments: str = "all"
    ) -> Ticket:
        path = f"/tickets/{ticket_id}?comments={comments}"
        return Ticket(**send(client, "GET", path))

    @desk.tool(description=said["add_ticket_comment"])
    def add_ticket_comment(
        ticket_id: TicketId,
        comment: Text,
        caller: CallerId | None = None,
        idempotency_key: Key = None,
    ) -> Added:
        body = {"comment": comment, "idempotency_key": idempotency_key}
        path = f"/tickets/{ticket_id}/comments"
        return Added(**send(client, "POST", path, json=body))

    @desk.tool(description=said["list_recent_tickets"])
    def list_recent_tickets(
        caller: CallerId,
        status: str | None = None,
        comments: str = "all",
        limit: Annotated[int, Field(ge=1, le=100)] = 10,
        cursor: str | None = None,
    ) -> Tickets:
        query = {"caller": caller, "comments": comments, "limit": limit}
        return Tickets(**send(client, "GET", "/tickets", query_string=query))

    return desk


def send(client: FlaskClient, method: str, path: str, **options: Any) -> Any:
    return client.open(path, method=method, **options).json


def print_times(client: FlaskClient, ticket: str) -> None:
    params = {"name": "get_ticket_status", "arguments": {"ticket_id": ticket}}

    def tool() -> int:
        return mcp_messages.ask(client, REVISION, "tools/call", params).status_code

    def route() -> int:
        return client.get(f"/tickets/{ticket}").status_code

    least = {tool: float("inf"), route: float("inf")}
    for _ in range(ROUNDS):
        for call in least:
            start = time.process_time()
            assert {call() for _ in range(CALLS)} == {200}
            least[call] = min(least[call], (time.process_time() - start) / CALLS)
    print(f"\nCPU of get_ticket_status: {least[tool] * 1000:.2f} ms at /mcp,", end=" ")
    print(f"{least[route] * 1000:.2f} ms by its route: {least[tool] / least[route]:.2f}")


def text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def tokens(text: str) -> int:
    return len(TOKENS.encode(text))


if __name__ == "__main__":
    main()
