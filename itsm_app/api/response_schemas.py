"""What the API returns: one msgspec struct for each response."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T", bound=Struct)


class TicketCreated(Struct, omit_defaults=True):
    """The answer of `create_ticket`. A replay has `current_status` if the ticket is closed now."""

    ticket_id: str
    ticket_number: str
    spoken_number: str
    status: str
    created_at: str
    current_status: str | None = None


class CommentAdded(Struct):
    """The answer of `add_ticket_comment`."""

    success: bool
    updated_at: str
    comment_id: str


class Comment(Struct, omit_defaults=True):
    """A comment, as part of a ticket. Those from before there were ids have none.

    `author` is who of the desk said it; what the caller said has none.
    """

    comment_text: str
    added_at: str
    comment_id: str | None = None
    author: str | None = None


class Event(Struct, omit_defaults=True):
    """A change, as part of a ticket's history. A field that was or is empty has no value there."""

    field: str
    changed_by: str
    changed_at: str
    was: str | None = msgspec.field(default=None, name="from")
    to: str | None = None


class Ticket(Struct, kw_only=True, omit_defaults=True):
    """The answer of `get_ticket_status`; comments come oldest first.

    Tickets from before there were numbers have none.
    """

    ticket_id: str
    ticket_number: str | None = None
    spoken_number: str | None = None
    caller_id: str
    issue_description: str
    status: str
    priority: str
    assignee: str | None = None
    created_at: str
    updated_at: str
    comments: list[Comment]


class DeskTicket(Ticket, kw_only=True, omit_defaults=True):
    """The same with its history, oldest first, which only the desk may ask for."""

    history: list[Event] = []


class TicketList(Struct, omit_defaults=True):
    """The answer of `list_recent_tickets`; tickets come newest first.

    With `next_cursor` the list goes on; without it, that was all.
    """

    tickets: list[Ticket]
    next_cursor: str | None = None
    note: str | None = None


class QueuedTicket(Struct, kw_only=True, omit_defaults=True):
    """A ticket as the queue shows it."""

    ticket_id: str
    ticket_number: str | None = None
    caller_id: str
    issue_description: str
    status: str
    priority: str
    assignee: str | None = None
    created_at: str
    updated_at: str


class Queue(Struct, omit_defaults=True):
    """The answer of `list_queue`; `next_cursor` is as in `TicketList`."""

    tickets: list[QueuedTicket]
    next_cursor: str | None = None


class Health(Struct):
    """The answer of `show_health`."""

    status: str


class Error(Struct):
    """The answer when something failed. Only with `retryable` is the same call worth repeating."""

    error: str
    code: str
    retryable: bool
    request_id: str


def dump(schema: type[T], source: object) -> T:
    """Fill an answer from a mapping, or from the attributes of an object."""
    return msgspec.convert(source, schema, from_attributes=True)
