"""The four operations as tools, and tool calls: "Calling Tools" in `server/tools`."""

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
from .revisions import STRUCTURED_CONTENT

TicketReference = Annotated[
    str,
    must_be(
        "the ID or the number of a ticket",
        "Ask the caller for the ticket number, or list the caller's tickets.",
    ),
]


class OneTicket(request_schemas.OneTicketQuery, kw_only=True):
    """The arguments of `get_ticket_status`."""

    ticket_id: TicketReference


class NewComment(request_schemas.NewComment, kw_only=True):
    """The arguments of `add_ticket_comment`."""

    ticket_id: TicketReference


class CallParams(Struct):
    """The parameters of `tools/call`."""

    name: Annotated[str, must_be("the name of a tool", "Send a name from tools/list.")]
    arguments: Raw = Raw(b"{}")


class Tool(NamedTuple):
    """One tool.

    Attributes:
        arguments: The type of the arguments.
        run: The operation. It takes the arguments and returns the response.
        hints: The annotations, which tell clients how the tool behaves: "Tool" in `server/tools`.
    """

    arguments: type[Struct]
    run: Callable[[Any], Struct]
    hints: dict[str, bool]


READ_HINTS = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}
# Not idempotent: a repeated call without an idempotency_key writes a second time.
WRITE_HINTS = {
    "readOnlyHint": False,
    "destructiveHint": False,
    "idempotentHint": False,
    "openWorldHint": False,
}
TOOLS = {
    "create_ticket": Tool(
        request_schemas.NewTicket, lambda new: operations.create_ticket(new)[0], WRITE_HINTS
    ),
    "list_recent_tickets": Tool(
        request_schemas.TicketQuery,
        # A result contains each ticket twice, as text and as structured content. Lambda encodes the
        # response as a JSON string, which makes both longer. A page is therefore not longer than
        # the longest ticket: a result then takes at most a third of Lambda's limit of 6 MB.
        lambda query: operations.list_recent_tickets(query, MAX_BYTES_AFTER_CLOSING),
        READ_HINTS,
    ),
    "get_ticket_status": Tool(
        OneTicket, lambda one: operations.get_ticket_status(one.ticket_id, one)[0], READ_HINTS
    ),
    "add_ticket_comment": Tool(
        NewComment, lambda new: operations.add_ticket_comment(new.ticket_id, new)[0], WRITE_HINTS
    ),
}


def call(params: bytes, revision: str) -> dict[str, Any]:
    """Call a tool. Return its result, or its error for the model to read.

    Raises:
        ProtocolError: The request names an unknown tool or has malformed parameters.
    """
    requested = load(CallParams, params)
    if requested.name not in TOOLS:
        raise ProtocolError(INVALID_PARAMS, f"Unknown tool. Use one of {', '.join(TOOLS)}.")
    arguments = bytes(requested.arguments)
    if not arguments.startswith(b"{"):
        sentence = "`arguments` must be an object. Send the arguments by name."
        raise ProtocolError(INVALID_PARAMS, sentence)
    g.tool = requested.name
    tool = TOOLS[requested.name]
    try:
        response = tool.run(parsing.load_body(tool.arguments, arguments))
    except Exception as error:
        body, _ = explain(error)
        return {"content": _text_content(msgspec.json.encode(body)), "isError": True}
    json = msgspec.json.encode(response)
    structured = {"structuredContent": Raw(json)} if revision >= STRUCTURED_CONTENT else {}
    return {"content": _text_content(json), **structured, "isError": False}


def _text_content(json: bytes) -> list[dict[str, str]]:
    return [{"type": "text", "text": json.decode()}]
