"""What comes in and what goes out, with the limits. One struct for each body, query and answer."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

T = TypeVar("T", bound=Struct)

MAX_BODY_BYTES = 64 * 1024
CORRECT_THE_PLATFORM = (
    "Tell the caller that their tickets cannot be reached; who runs the platform must correct this."
)


def _text(length: int, next_step: str) -> Meta:
    # A length in characters (code points).
    requirement = f"a text of 1 to {length} characters, not only white space"
    extra = {"next_step": next_step}
    return Meta(
        min_length=1, max_length=length, pattern=r"\S", description=requirement, extra=extra
    )


CallerId = Annotated[
    str,
    _text(100, "Send the id that this caller's tickets are kept under, such as a phone number."),
]
IssueDescription = Annotated[
    str, _text(1000, "Ask the caller what is wrong; what is too long can follow as comments.")
]
CommentText = Annotated[
    str, _text(1000, "Ask the caller what to add; split what is too long into several comments.")
]
IdempotencyKey = Annotated[
    str, _text(100, "Send one short text with all repeats of a call, such as its id and a count.")
]
Limit = Annotated[
    int,
    Meta(
        ge=1,
        le=100,
        description="a whole number from 1 to 100",
        extra={"next_step": "Leave it out for 10."},
    ),
]
Cursor = Annotated[
    str,
    Meta(
        description="the next_cursor of the page before, unchanged",
        extra={"next_step": "Copy it again, or leave it out to begin anew."},
    ),
]
Comments = Annotated[
    Literal["all", "latest", "none"],
    Meta(description="all, latest or none", extra={"next_step": "Leave it out for all."}),
]
Status = Annotated[
    Literal["open", "in_progress", "resolved", "closed"],
    Meta(
        description="open, in_progress, resolved or closed",
        extra={"next_step": "Send one of these, or leave it out."},
    ),
]
Version = Annotated[
    Literal["3.0.0", "3.1.0"],
    Meta(
        description="the version of OpenAPI, 3.0.0 or 3.1.0",
        extra={"next_step": "Leave it out for 3.0.0."},
    ),
]


Priority = Annotated[
    Literal["low", "normal", "high", "urgent"],
    Meta(
        description="low, normal, high or urgent",
        extra={"next_step": "Send one of these, or leave it out."},
    ),
]
Assignee = Annotated[str, _text(100, "Send the name of who is to work on it, or null for nobody.")]
History = Annotated[
    Literal["all", "none"],
    Meta(description="all or none", extra={"next_step": "Leave it out for none."}),
]
Order = Annotated[
    Literal["newest", "oldest"],
    Meta(description="newest or oldest", extra={"next_step": "Leave it out for oldest."}),
]


class NewTicket(Struct):
    """The body of `create_ticket`. Where a request is bound, `caller_id` may be left out."""

    issue_description: IssueDescription
    caller_id: CallerId | None = None
    idempotency_key: IdempotencyKey | None = None


class NewComment(Struct):
    """The body of `add_ticket_comment`. With `caller`, the ticket must be theirs."""

    comment: CommentText
    caller: CallerId | None = None
    idempotency_key: IdempotencyKey | None = None


class OneTicketQuery(Struct):
    """The query of `get_ticket_status`. With `caller`, the ticket must be theirs."""

    caller: CallerId | None = None
    comments: Comments = "all"


class DeskTicketQuery(OneTicketQuery):
    """The same, of the desk."""

    history: History = "none"


class TicketChange(Struct):
    """The body of `update_ticket`: what is left out stays as it is."""

    status: Status | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    assignee: Assignee | UnsetType | None = UNSET
    comment: CommentText | None = None
    idempotency_key: IdempotencyKey | None = None


class QueueQuery(Struct):
    """The query of `list_queue`."""

    status: Status
    priority: Priority | None = None
    assignee: Assignee | None = None
    order: Order = "oldest"
    limit: Limit = 10
    cursor: Cursor | None = None


class TicketQuery(Struct):
    """The query of `list_recent_tickets`. `caller` is as in `NewTicket`."""

    caller: CallerId | None = None
    status: Status | None = None
    comments: Comments = "all"
    limit: Limit = 10
    cursor: Cursor | None = None


class DocumentQuery(Struct):
    """The query of `show_openapi`."""

    version: Version = "3.0.0"


class CallerHeader(Struct):
    """The header that binds a request to its caller, decoded."""

    caller_id: Annotated[str, _text(100, CORRECT_THE_PLATFORM)] = msgspec.field(name="X-Caller-Id")


class KeyHeader(Struct):
    """The header that may carry the idempotency key."""

    idempotency_key: IdempotencyKey


class TicketCreated(Struct):
    """The answer of `create_ticket`."""

    ticket_id: str
    ticket_number: str
    spoken_number: str
    status: str
    created_at: str


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
