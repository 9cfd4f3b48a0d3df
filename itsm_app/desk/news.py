"""What a person at the desk can be notified of: waiting hand-overs, and replies to their tickets.

The script of the pages asks for the news, also while the pages are in the background.
"""

from __future__ import annotations

from msgspec import Struct

from ..api.response_schemas import QueuedTicket
from . import list_queries
from .list_queries import ListQuery

# How many tickets of each kind are considered.
MAX_TICKETS = 100


class Item(Struct):
    """A ticket with news, and the time of the news."""

    ticket_id: str
    number: str
    at: str


class News(Struct):
    """The hand-overs that wait, and the callers' replies to the tickets of this person."""

    handovers: list[Item]
    replies: list[Item]


def news() -> News:
    """Return the news for the person of this request."""
    waiting = list_queries.find(ListQuery(view="waiting"), MAX_TICKETS).tickets
    mine = list_queries.find(ListQuery(view="mine"), MAX_TICKETS).tickets
    return News(
        [_item(each, each.handover_since) for each in waiting if each.handover_since],
        [_item(each, each.last_comment_at) for each in mine if has_reply(each)],
    )


def has_reply(ticket: QueuedTicket) -> bool:
    """Return whether the newest comment is the caller's. Nobody replies to a closed ticket."""
    is_callers = ticket.last_comment_at is not None and ticket.last_comment_author is None
    return is_callers and ticket.status != "closed"


def _item(ticket: QueuedTicket, at: str | None) -> Item:
    return Item(ticket.ticket_id, ticket.ticket_number or ticket.ticket_id[:8], at or "")
