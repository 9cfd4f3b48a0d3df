"""What clients send: one msgspec struct for each body, query and header."""

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

HEADER_NEXT_STEP = (
    "Tell the caller that the tickets are not available; the operator of the platform must correct"
    " the header."
)


class NewTicket(Struct):
    """The body of `create_ticket`.

    `caller_id` is optional in a request that is bound to a caller.
    """

    issue_description: IssueDescription
    caller_id: CallerId | None = None
    idempotency_key: IdempotencyKey | None = None


class NewComment(Struct):
    """The body of `add_ticket_comment`.

    If `caller` is given, the ticket must belong to this caller.
    """

    comment: CommentText
    caller: CallerId | None = None
    idempotency_key: IdempotencyKey | None = None


class OneTicketQuery(Struct):
    """The query of `get_ticket_status`.

    If `caller` is given, the ticket must belong to this caller.
    """

    caller: CallerId | None = None
    comments: Comments = "all"


class DeskTicketQuery(OneTicketQuery):
    """The query of `get_ticket_status` with a key of the role `desk`."""

    history: History = "none"


class TicketChange(Struct):
    """The body of `update_ticket`. Fields that are left out do not change."""

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
    """The query of `list_recent_tickets`.

    `caller` is optional in a request that is bound to a caller.
    """

    caller: CallerId | None = None
    status: Status | None = None
    comments: Comments = "all"
    limit: Limit = DEFAULT_PAGE_TICKETS
    cursor: Cursor | None = None


class DocumentQuery(Struct):
    """The query of `show_openapi`."""

    version: Version = "3.0.0"


class CallerHeader(Struct):
    """The header that binds a request to its caller, percent-decoded."""

    caller_id: Annotated[str, text(MAX_CALLER_ID_CHARACTERS, HEADER_NEXT_STEP)] = msgspec.field(
        name="X-Caller-Id"
    )


class KeyHeader(Struct):
    """The header `Idempotency-Key`."""

    idempotency_key: IdempotencyKey
