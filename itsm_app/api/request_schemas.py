"""What clients send: one msgspec struct for each body and query."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ..tickets.limits import DEFAULT_PAGE_TICKETS, MAX_CALLER_ID_CHARACTERS
from .field_types import (
    Assignee,
    CallerId,
    Comments,
    CommentText,
    Cursor,
    History,
    IdempotencyKey,
    IssueDescription,
    Limit,
    Order,
    Priority,
    Status,
    Version,
    text,
)

CORRECT_THE_PLATFORM = (
    "Tell the caller that their tickets cannot be reached; who runs the platform must correct this."
)


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
    limit: Limit = DEFAULT_PAGE_TICKETS
    cursor: Cursor | None = None


class TicketQuery(Struct):
    """The query of `list_recent_tickets`. `caller` is as in `NewTicket`."""

    caller: CallerId | None = None
    status: Status | None = None
    comments: Comments = "all"
    limit: Limit = DEFAULT_PAGE_TICKETS
    cursor: Cursor | None = None


class DocumentQuery(Struct):
    """The query of `show_openapi`."""

    version: Version = "3.0.0"


class CallerHeader(Struct):
    """The header that binds a request to its caller, decoded."""

    caller_id: Annotated[str, text(MAX_CALLER_ID_CHARACTERS, CORRECT_THE_PLATFORM)] = msgspec.field(
        name="X-Caller-Id"
    )


class KeyHeader(Struct):
    """The header that may carry the idempotency key."""

    idempotency_key: IdempotencyKey
