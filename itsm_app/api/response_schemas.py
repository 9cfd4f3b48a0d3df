"""What the API returns: one msgspec struct for each response."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T", bound=Struct)


class TicketCreated(Struct, omit_defaults=True):
    """The response of `create_ticket`. A replay names a closed ticket in `current_status`."""

    ticket_id: str
    ticket_number: str
    spoken_number: str
    status: str
    created_at: str
    current_status: str | None = None


class CommentAdded(Struct):
    """The response of `add_ticket_comment`."""

    success: bool
    updated_at: str
    comment_id: str


class Comment(Struct, omit_defaults=True):
    """A comment of a ticket.

    Comments from before comment ids were introduced have no `comment_id`. `author` is the name of
    the desk's key. A caller's comment has no `author`.
    """

    comment_text: str
    added_at: str
    comment_id: str | None = None
    author: str | None = None


class Event(Struct, omit_defaults=True):
    """A change of one field, in a ticket's history.

    `from` is missing if the field was empty before. `to` is missing if the field is empty now.
    """

    field: str
    changed_by: str
    changed_at: str
    was: str | None = msgspec.field(default=None, name="from")
    to: str | None = None


class Ticket(Struct, kw_only=True, omit_defaults=True):
    """The response of `get_ticket_status`. The comments are sorted oldest first.

    Tickets from before ticket numbers were introduced have no number.
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
    """A ticket with its history, oldest first.

    Only keys with the role `desk` can request the history.
    """

    history: list[Event] = []


class TicketList(Struct, omit_defaults=True):
    """The response of `list_recent_tickets`. The tickets are sorted newest first.

    The last page has no `next_cursor`.
    """

    tickets: list[Ticket]
    next_cursor: str | None = None
    note: str | None = None


class QueuedTicket(Struct, kw_only=True, omit_defaults=True):
    """A ticket in the queue, without its comments."""

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
    """The response of `list_queue`. The last page has no `next_cursor`."""

    tickets: list[QueuedTicket]
    next_cursor: str | None = None


class Health(Struct):
    """The response of `show_health`."""

    status: str


class Error(Struct):
    """The response to a failed request. `retryable`: the same request can succeed later."""

    error: str
    code: str
    retryable: bool
    request_id: str


def dump(schema: type[T], source: object) -> T:
    """Return a response with values from a mapping or from the attributes of an object."""
    return msgspec.convert(source, schema, from_attributes=True)
