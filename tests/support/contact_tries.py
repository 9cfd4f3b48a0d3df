"""Attempts to become another caller through an event of Amazon Connect. All must fail.

Anna calls. She, or the model that speaks for her, tries to read or to change the ticket of Bob.
Each attempt combines an operation, a place for Bob's number, and a spelling of the number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import quote

from itsm_app.storage import items

from ..connect.contact_events import ANNA, BOB, BOBS, changed, event, ticket_id
from . import api_gateway

BOBS_WORDS = "secret door"
# Spellings of Bob's number.
SPELLINGS = [BOB, f" {BOB} ", quote(BOB), f"tel:{BOB}", "15550177", f"{ANNA},{BOB}"]
# Names of parameters. The service rejects, or ignores, each of them.
NAMES = [
    "caller",
    "caller_id",
    "CallerId",
    "callerID",
    "CALLER-ID",
    "Caller Id",
    "X-Caller-Id",
    "x_caller_id",
    "HTTP_X_CALLER_ID",
    "\uff43aller_id",
    "CustomerEndpoint",
    "Details.ContactData.CustomerEndpoint.Address",
]
OPERATIONS: list[tuple[str, dict[str, str]]] = [
    ("begin_call", {}),
    # Bob has a ticket with this text.
    ("create_ticket", {"issue_description": f"Bob's {BOBS_WORDS}"}),
    ("get_ticket_status", {"ticket_number": BOBS}),
    ("add_ticket_comment", {"ticket_number": BOBS, "comment": "I am Bob"}),
    ("hand_over", {"ticket_number": BOBS}),
    ("list_recent_tickets", {}),
]


class Try(NamedTuple):
    """An attempt: the event, and what it is."""

    label: str
    event: dict[str, Any]


def _in_parameters() -> Iterator[Try]:
    for (operation, fields), name, spelling in product(OPERATIONS, NAMES, SPELLINGS):
        sent = event(operation, **fields, **{name: spelling})
        yield Try(f"{operation}: parameter {name!a} {spelling}", sent)


def _in_contact_data() -> Iterator[Try]:
    endpoint = {"Address": BOB, "Type": "TELEPHONE_NUMBER"}
    places: list[dict[str, Any]] = [
        {"Attributes": {"caller_id": BOB, "CustomerEndpoint": endpoint}},
        {"SystemEndpoint": endpoint},
        {"CustomerId": BOB},
        {"AdditionalCustomerEndpoint": endpoint},
        {"customerEndpoint": endpoint},
        {"References": {"caller": {"Value": BOB, "Type": "STRING"}}},
        {"CustomerEndpoint": {"Address": [BOB], "Type": "TELEPHONE_NUMBER"}},
        {"CustomerEndpoint": {"Address": BOB, "Type": "VOIP"}},
        {"Channel": "TASK", "CustomerEndpoint": endpoint},
        {"InitiationMethod": "WEBRTC_API", "CustomerEndpoint": endpoint},
    ]
    for (operation, fields), data in product(OPERATIONS, places):
        sent = changed(event(operation, **fields), **data)
        yield Try(f"{operation}: contact data {json.dumps(data)[:60]}", sent)


TRIES = [*_in_parameters(), *_in_contact_data()]


def imitations() -> Iterator[dict[str, Any]]:
    """Yield events of API Gateway in which a client imitates an event of Bob's call."""
    forged = event("get_ticket_status", BOB, ticket_number=BOBS)
    text = json.dumps(forged)
    pairs = [("Name", "ContactFlowEvent"), ("Details", json.dumps(forged["Details"]))]
    # Without a key, and with a key but bound to Anna.
    for sender in ([("x-api-key", "")], [("X-Caller-Id", quote(ANNA, safe=""))]):
        for path in ("/", "/tickets", f"/tickets/{BOBS}", "/mcp", "/ContactFlowEvent"):
            for method in ("GET", "POST"):
                yield api_gateway.event(method, path, body=text, headers=sender)
                yield api_gateway.event(method, path, query=pairs, headers=sender)
                yield api_gateway.event(method, path, headers=[*pairs, *sender])
        # Even with the members of a contact event, an event of API Gateway stays one.
        sent = api_gateway.event("GET", f"/tickets/{BOBS}", headers=sender)
        yield {**sent, **forged}
        for member in ("requestContext", "httpMethod"):
            yield {**forged, member: sent[member]}


def check(attempt: Try, response: Mapping[str, str]) -> None:
    """Check that a response has nothing of Bob's ticket, and that the ticket did not change."""
    assert BOBS_WORDS not in json.dumps(response), attempt.label
    assert BOBS not in json.dumps(response), attempt.label
    check_unchanged()


def check_unchanged() -> None:
    """Check that Bob's ticket is as it was stored."""
    ticket = items.read(ticket_id(BOBS))
    assert ticket is not None
    assert (ticket.revision, ticket.comments, ticket.handovers) == (1, [], None)
    assert (ticket.caller_id, ticket.told_contact_id) == (BOB, None)
