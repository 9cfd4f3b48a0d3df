"""What the API returns: one msgspec struct for each response."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T", bound=Struct)


class HandoverRequested(Struct):
    """A hand-over that waits for a person, in the response to the request for it."""

    status: str
    requested_at: str
    tell_caller: str


class Notice(Struct, omit_defaults=True):
    """A known incident that the desk tells all callers.

    Callers can join the incident if the notice has a ticket number.
    """

    text: str
    ends_at: str
    ticket_number: str | None = None


class DeskNotice(Notice, kw_only=True, omit_defaults=True):
    """A notice as the desk sees it. `posted_by` is the name of the desk's key."""

    posted_by: str
    posted_at: str


class NoticeState(Struct, omit_defaults=True):
    """The response of the operations on the notice. There can be none."""

    notice: DeskNotice | None = None


class PossibleDuplicate(Struct, kw_only=True, omit_defaults=True):
    """An open ticket of the same caller with a similar description, which is shortened."""

    ticket_number: str | None = None
    spoken_number: str | None = None
    status: str
    issue_description: str
    created_at: str


class TicketCreated(Struct, omit_defaults=True):
    """The response of `create_ticket`.

    If a replay finds that the ticket is closed, `current_status` and `note` say so. Responses of
    the HTTP routes have no `possible_duplicates`.
    """

    ticket_id: str
    ticket_number: str
    spoken_number: str
    status: str
    created_at: str
    current_status: str | None = None
    note: str | None = None
    handover: HandoverRequested | None = None
    notice: Notice | None = None
    possible_duplicates: list[PossibleDuplicate] | None = None


class CommentAdded(Struct, omit_defaults=True):
    """The response of `add_ticket_comment`."""

    success: bool
    updated_at: str
    comment_id: str
    handover: HandoverRequested | None = None


class Comment(Struct, omit_defaults=True):
    """A comment of a ticket.

    Comments from before comment ids were introduced have no `comment_id`. `author` is the name of
    the desk's key. A caller's comment has no `author`.
    """

    comment_text: str
    added_at: str
    comment_id: str | None = None
    author: str | None = None


class DeskComment(Comment, omit_defaults=True):
    """A comment or an internal note as the desk sees it. A caller's comment has no `visibility`.

    Only callers' comments can have `caller_verified`, see `storage.attributes.Comment`.
    """

    visibility: str | None = None
    caller_verified: str | None = None


class Event(Struct, omit_defaults=True):
    """A change of one field, in a ticket's history.

    `from` is missing if the field was empty before. `to` is missing if the field is empty now.
    """

    field: str
    changed_by: str
    changed_at: str
    was: str | None = msgspec.field(default=None, name="from")
    to: str | None = None


class HandoverStatus(Struct):
    """The newest hand-over of a ticket: `waiting` for a person, or `taken` by one."""

    status: str
    requested_at: str


class Handover(HandoverStatus, omit_defaults=True):
    """A hand-over as the desk sees it. `requested_by` is the name of the API key."""

    requested_by: str | None = None
    reason: str | None = None
    summary: str | None = None
    contact_id: str | None = None


class Ticket(Struct, kw_only=True, omit_defaults=True):
    """The response of `get_ticket_status`. The comments are sorted oldest first.

    Tickets from before ticket numbers were introduced have no number. `duplicate_of` and
    `follow_up_of` are numbers of other tickets of the same caller. `omitted_comments` is the number
    of older comments that a tool result leaves out. Responses of the HTTP routes have no such
    field.
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
    handover: HandoverStatus | None = None
    duplicate_of: str | None = None
    follow_up_of: str | None = None
    omitted_comments: int | None = None


class TicketWithHistory(Ticket, kw_only=True, omit_defaults=True):
    """A ticket with its history, oldest first.

    Only keys with the role `desk` can request the history.
    """

    history: list[Event] = []


class DeskTicket(TicketWithHistory, kw_only=True, omit_defaults=True):
    """A ticket as the desk sees it: also with internal notes, among the comments.

    `handovers` are all hand-overs, oldest first, and `handover` is the newest of them. `parent` is
    the number of the incident's ticket that the caller joined, and `children` are the numbers of
    the tickets that joined this ticket. `caller_verified` is how the platform verified the caller
    who created the ticket.
    """

    comments: list[DeskComment]  # type: ignore[assignment]
    handover: Handover | None = None
    handovers: list[Handover] = []
    created_by: str | None = None
    caller_verified: str | None = None
    duplicates: list[str] = []
    follow_ups: list[str] = []
    parent: str | None = None
    children: list[str] = []


class TicketList(Struct, omit_defaults=True):
    """The response of `list_recent_tickets`. The tickets are sorted newest first.

    The last page has no `next_cursor`.
    """

    tickets: list[Ticket]
    next_cursor: str | None = None
    note: str | None = None
    notice: Notice | None = None


class QueuedTicket(Struct, kw_only=True, omit_defaults=True):
    """A ticket in a list of the desk, without its comments.

    `handover_since` is the time since when the ticket waits for a person, and `reopened_at` the
    time when the caller reopened it. A `last_comment_at` without author is the caller's.
    """

    ticket_id: str
    ticket_number: str | None = None
    caller_id: str
    issue_description: str
    status: str
    priority: str
    assignee: str | None = None
    created_at: str
    updated_at: str
    handover_since: str | None = None
    reopened_at: str | None = None
    last_comment_at: str | None = None
    last_comment_author: str | None = None
    created_by: str | None = None


class Queue(Struct, omit_defaults=True):
    """The response of `list_queue`. The last page has no `next_cursor`."""

    tickets: list[QueuedTicket]
    next_cursor: str | None = None


class Highlight(Struct):
    """Where a word of the query is in a text: start, and end exclusive, in code points."""

    start: int
    end: int


class Match(Struct):
    """A part of a ticket that has words of the query.

    `found_in` is `number`, `caller`, `description`, `comment`, `note` or `handover`. `text` is the
    part of the text around the first word.
    """

    found_in: str
    text: str
    highlights: list[Highlight]


class FoundTicket(QueuedTicket, kw_only=True, omit_defaults=True):
    """A result of a search."""

    matches: list[Match]


class SearchResults(Struct, omit_defaults=True):
    """The response of `search_tickets`. The tickets are sorted newest first.

    The last page has no `next_cursor`. `note` says so if older tickets were not searched yet.
    """

    tickets: list[FoundTicket]
    next_cursor: str | None = None
    note: str | None = None


def queue(page: Iterable[object], cursor: str | None) -> Queue:
    """Return the response for a page of a list of the desk."""
    return Queue([dump(QueuedTicket, ticket) for ticket in page], cursor)


def found_ticket(
    fields: Mapping[str, object], matches: Iterable[tuple[str, str, Iterable[tuple[int, int]]]]
) -> FoundTicket:
    """Return a result of a search.

    Args:
        fields: The fields of the ticket.
        matches: The fields of each `Match`, with start and end of each highlight.
    """
    found = [
        Match(found_in, text, [Highlight(start, end) for start, end in spans])
        for found_in, text, spans in matches
    ]
    return msgspec.convert({**fields, "matches": found}, FoundTicket)


class Health(Struct):
    """The response of `show_health`."""

    status: str


class Error(Struct):
    """The response to a failed request. `retryable`: the same request can succeed later."""

    error: str
    code: str
    retryable: bool
    request_id: str


class OAuthError(Error):
    """The response at the paths of OAuth. `error_description` repeats `error`."""

    error_description: str


def dump(schema: type[T], source: object) -> T:
    """Return a response with values from a mapping or from the attributes of an object."""
    return msgspec.convert(source, schema, from_attributes=True)
