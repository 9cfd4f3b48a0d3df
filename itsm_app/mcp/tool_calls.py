"""The four operations as tools, and tool calls: "Calling Tools" in `server/tools`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec
from flask import g
from msgspec import Raw, Struct

from ..api import operations, parsing, request_schemas
from ..api.error_responses import explain
from ..api.field_types import Comments
from .json_rpc import INVALID_PARAMS, ProtocolError, load, must_be, object_in
from .revisions import STRUCTURED_CONTENT

# Hosts reject or truncate results of more than about 25,000 tokens. With the encoding o200k_base,
# 40,000 bytes of English are 9,700 tokens, of Chinese 11,500, and of Amharic 27,800. 40,000
# characters of Chinese would be 34,500 tokens.
MAX_RESULT_BYTES = 40_000

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


class TicketList(request_schemas.TicketQuery):
    """The arguments of `list_recent_tickets`. With all comments, a list could be very long."""

    comments: Comments = "latest"


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

    @property
    def is_structured(self) -> bool:
        """Whether results contain structured content besides their text, with an output schema.

        An output schema makes structured content mandatory, and clients that do not read structured
        content need the same data as text: "Structured Content" and "Output Schema" in
        `server/tools`, from 2025-06-18 on. The results of tools that read would be twice as long.
        They are text only, which every client reads.
        """
        return not self.hints["readOnlyHint"]


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
        request_schemas.NewTicket,
        lambda new: operations.create_ticket(new, with_duplicates=True)[0],
        WRITE_HINTS,
    ),
    "list_recent_tickets": Tool(
        TicketList,
        lambda query: operations.list_recent_tickets(query, MAX_RESULT_BYTES),
        READ_HINTS,
    ),
    "get_ticket_status": Tool(
        OneTicket,
        lambda one: operations.get_ticket_status(one.ticket_id, one, MAX_RESULT_BYTES)[0],
        READ_HINTS,
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
    arguments = object_in("arguments", requested.arguments, "Send the arguments by name.")
    g.tool = requested.name
    tool = TOOLS[requested.name]
    try:
        response = tool.run(parsing.load_body(tool.arguments, arguments))
    except Exception as error:
        body, _ = explain(error)
        return {"content": _text_content(msgspec.json.encode(body)), "isError": True}
    json = msgspec.json.encode(response)
    is_structured = tool.is_structured and revision >= STRUCTURED_CONTENT
    structured = {"structuredContent": Raw(json)} if is_structured else {}
    return {"content": _text_content(json), **structured, "isError": False}


def _text_content(json: bytes) -> list[dict[str, str]]:
    return [{"type": "text", "text": json.decode()}]
