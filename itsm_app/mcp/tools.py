"""The four operations as tools that a model calls: "Calling Tools" in `server/tools`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec
from flask import g
from msgspec import Raw, Struct

from ..api import operations, parsing, request_schemas
from ..api.error_responses import explain
from ..tickets.limits import MAX_BYTES_AFTER_CLOSING
from .json_rpc import INVALID_PARAMS, ProtocolError, load, must_be
from .revisions import STRUCTURED

TicketReference = Annotated[
    str,
    must_be("the id or the number of a ticket", "Ask the caller for it, or list their tickets."),
]


class OneTicket(request_schemas.OneTicketQuery, kw_only=True):
    """The arguments of `get_ticket_status`."""

    ticket_id: TicketReference


class NewComment(request_schemas.NewComment, kw_only=True):
    """The arguments of `add_ticket_comment`."""

    ticket_id: TicketReference


class CallParams(Struct):
    """The parameters of `tools/call`."""

    name: Annotated[str, must_be("the name of a tool", "Take one from tools/list.")]
    arguments: Raw = Raw(b"{}")


class Tool(NamedTuple):
    """What it takes, what it does with that, and what a client may expect of a call."""

    arguments: type[Struct]
    run: Callable[[Any], Struct]
    hints: dict[str, bool]


READS = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}
# Not idempotent: the same words without an idempotency_key are said twice.
ADDS = {
    "readOnlyHint": False,
    "destructiveHint": False,
    "idempotentHint": False,
    "openWorldHint": False,
}
TOOLS = {
    "create_ticket": Tool(
        request_schemas.NewTicket, lambda new: operations.create_ticket(new)[0], ADDS
    ),
    "list_recent_tickets": Tool(
        request_schemas.TicketQuery,
        # An answer is there twice, as text and as data, both escaped once more by Lambda, and that
        # takes 6 MB: with the length of the longest ticket it never takes more than a third.
        lambda query: operations.list_recent_tickets(query, MAX_BYTES_AFTER_CLOSING),
        READS,
    ),
    "get_ticket_status": Tool(
        OneTicket, lambda one: operations.get_ticket_status(one.ticket_id, one)[0], READS
    ),
    "add_ticket_comment": Tool(
        NewComment, lambda new: operations.add_ticket_comment(new.ticket_id, new)[0], ADDS
    ),
}


def call(params: bytes, revision: str) -> dict[str, Any]:
    """Run a tool; return its result, or what a model should know of its failure.

    Raises `ProtocolError` where no tool is called.
    """
    wanted = load(CallParams, params)
    if wanted.name not in TOOLS:
        raise ProtocolError(INVALID_PARAMS, f"Unknown tool. There are {', '.join(TOOLS)}.")
    arguments = bytes(wanted.arguments)
    if not arguments.startswith(b"{"):
        raise ProtocolError(INVALID_PARAMS, "`arguments` must be an object.")
    g.tool = wanted.name
    tool = TOOLS[wanted.name]
    try:
        answer = tool.run(parsing.load_body(tool.arguments, arguments))
    except Exception as error:
        told, _ = explain(error)
        return {"content": _text(msgspec.json.encode(told)), "isError": True}
    said = msgspec.json.encode(answer)
    structured = {"structuredContent": Raw(said)} if revision >= STRUCTURED else {}
    return {"content": _text(said), **structured, "isError": False}


def _text(json: bytes) -> list[dict[str, str]]:
    return [{"type": "text", "text": json.decode()}]
