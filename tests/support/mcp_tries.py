"""Attempts of `bound_tries` and `desk_tries` as MCP tool calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote

from . import bound_tries, desk_tries
from .bound_tries import (
    INVALID_BODY,
    INVALID_NUMBERS,
    MISHEARD_NUMBER,
    NOT_FOUND,
    VALID_REFERENCES,
    Attempt,
)
from .mcp_messages import CLIENT

HEADERS = [*CLIENT.items(), ("MCP-Protocol-Version", "2025-11-25")]
# The tools, by whether they write and whether they concern one ticket.
TOOLS = {
    (True, False): "create_ticket",
    (False, True): "get_ticket_status",
    (True, True): "add_ticket_comment",
    (False, False): "list_recent_tickets",
}


def attempts() -> Iterator[Attempt]:
    """Yield each attempt that can be sent in the arguments or headers of a tool call, once."""
    seen = set()
    for attempt in (
        *bound_tries.references(VALID_REFERENCES, NOT_FOUND),
        *bound_tries.references(INVALID_NUMBERS, MISHEARD_NUMBER),
        *bound_tries.other_callers(),
        *bound_tries.query_parameters(),
        *bound_tries.request_bodies(),
        *bound_tries.invalid_headers(),
        *bound_tries.foreign_cursors(),
        *bound_tries.idempotency_keys(),
        *desk_tries.own_reads(),
        *desk_tries.desk_lists(),
        *desk_tries.desk_cursors(),
        *desk_tries.new_tickets(),
        *desk_tries.comments(),
    ):
        if has_tool_call(attempt):
            call = to_tool_call(attempt)
            if (call.body, *call.headers) not in seen:
                yield call
            seen.add((call.body, *call.headers))


def has_tool_call(attempt: Attempt) -> bool:
    """Return whether a tool call can express the request of an attempt."""
    if attempt.method == "GET":
        return not attempt.body
    # A tool call has no Idempotency-Key header, no query, and one field for the ticket.
    has_two_tickets = "comments" in attempt.target and b"ticket_id" in attempt.body
    has_key = any(name == "Idempotency-Key" for name, _ in attempt.headers)
    has_query = "?" in attempt.target
    is_object = attempt.outcome != INVALID_BODY
    return attempt.method == "POST" and is_object and not (has_two_tickets or has_key or has_query)


def to_tool_call(attempt: Attempt) -> Attempt:
    """Return the tool call that corresponds to the request of an attempt."""
    path, _, query = attempt.target.partition("?")
    is_write = attempt.method == "POST"
    reference = path.split("/")[2:3]
    fields = attempt.body.decode()[1:-1] if is_write else to_members(query)
    ticket = [f'"ticket_id": {json.dumps(unquote(each))}' for each in reference]
    tool = TOOLS[is_write, bool(reference)]
    arguments = ", ".join(filter(None, [*ticket, fields]))
    params = f'{{"name": "{tool}", "arguments": {{{arguments}}}}}'
    body = f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {params}}}'
    return attempt._replace(
        label=f"{tool}: {attempt.label}",
        method="POST",
        target="/mcp",
        headers=[*HEADERS, *attempt.headers],
        body=body.encode(),
    )


def to_members(query: str) -> str:
    """Return a query as the members of a JSON object. Repeated parameters stay repeated."""
    pairs = parse_qsl(query, keep_blank_values=True)
    values = [(name, value if name == "limit" else json.dumps(value)) for name, value in pairs]
    return ", ".join(f"{json.dumps(name)}: {value}" for name, value in values)
