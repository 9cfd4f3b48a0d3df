"""Tries of the table as calls of tools, at /mcp."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote

from . import bound_tries
from .bound_tries import LEADING, MISHEARD, NO_NUMBER, NO_OBJECT, NOT_FOUND, Try
from .mcp_messages import CLIENT

HEADERS = [*CLIENT.items(), ("MCP-Protocol-Version", "2025-11-25")]
# By whether they write, and whether they are about one ticket.
TOOLS = {
    (True, False): "create_ticket",
    (False, True): "get_ticket_status",
    (True, True): "add_ticket_comment",
    (False, False): "list_recent_tickets",
}


def tries() -> Iterator[Try]:
    """Yield each try that can be made in the arguments or the headers of a call, once."""
    seen = set()
    for attempt in (
        *bound_tries.references(LEADING, NOT_FOUND),
        *bound_tries.references(NO_NUMBER, MISHEARD),
        *bound_tries.names_of_others(),
        *bound_tries.parameters(),
        *bound_tries.bodies(),
        *bound_tries.spoilt_headers(),
        *bound_tries.cursors_of_others(),
        *bound_tries.keys(),
    ):
        if can_be_a_call(attempt):
            call = as_call(attempt)
            if (call.body, *call.headers) not in seen:
                yield call
            seen.add((call.body, *call.headers))


def can_be_a_call(attempt: Try) -> bool:
    """Whether all that a request tries with can be in a call of a tool."""
    if attempt.method == "GET":
        return not attempt.body
    # There is no key in a header, no query beside the arguments, and one place for the ticket.
    is_about_two = "comments" in attempt.target and b"ticket_id" in attempt.body
    has_key = any(name == "Idempotency-Key" for name, _ in attempt.headers)
    has_query = "?" in attempt.target
    is_object = attempt.refusal != NO_OBJECT
    return attempt.method == "POST" and is_object and not (is_about_two or has_key or has_query)


def as_call(attempt: Try) -> Try:
    """Return the call of a tool that is like the request of an operation."""
    path, _, query = attempt.target.partition("?")
    is_write = attempt.method == "POST"
    reference = path.split("/")[2:3]
    fields = attempt.body.decode()[1:-1] if is_write else as_fields(query)
    ticket = [f'"ticket_id": {json.dumps(unquote(each))}' for each in reference]
    tool = TOOLS[is_write, bool(reference)]
    arguments = ", ".join(filter(None, [*ticket, fields]))
    params = f'{{"name": "{tool}", "arguments": {{{arguments}}}}}'
    body = f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {params}}}'
    return attempt._replace(
        what=f"{tool}: {attempt.what}",
        method="POST",
        target="/mcp",
        headers=[*HEADERS, *attempt.headers],
        body=body.encode(),
    )


def as_fields(query: str) -> str:
    """Return a query as the members of an object: what is there twice stays so."""
    pairs = parse_qsl(query, keep_blank_values=True)
    values = [(name, value if name == "limit" else json.dumps(value)) for name, value in pairs]
    return ", ".join(f"{json.dumps(name)}: {value}" for name, value in values)
