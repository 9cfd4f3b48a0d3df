"""What clients send: one msgspec struct for each body, query and header."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ..tickets.limits import DEFAULT_PAGE_TICKETS, MAX_CALLER_ID_CHARACTERS
from .field_types import (
    HEADER_NEXT_STEP,
    Assignee,
    CallerId,
    CallerVerified,
    CannedName,
    CannedText,
    Comments,
    CommentText,
    ContactId,
    Cursor,
    DeskCommentText,
    HandoverState,
    History,
    IdempotencyKey,
    IncidentReference,
    IssueDescription,
    JoinNotice,
    Limit,
    Minutes,
    NoticeEnd,
    NoticeText,
    NotInSearch,
    Order,
    Priority,
    Reason,
    Reference,
    Revision,
    SearchText,
    Status,
    Summary,
    Version,
    Visibility,
    text,
)


class Handover(Struct, omit_defaults=True):
    """Why a caller needs a person. An empty object is a hand-over too."""

    reason: Reason | None = None
    summary: Summary | None = None
    contact_id: ContactId | None = None


OptionalHandover = (
    Annotated[
        Handover,
        Meta(
            description="an object with reason, summary and contact_id",
            extra={"next_step": "Send an object, or leave the field out."},
        ),
    ]
    | None
)


class NewTicket(Struct):
    """The body of `create_ticket`.

    `caller_id` is optional in a request that is bound to a caller.
    """

    issue_description: IssueDescription
    caller_id: CallerId | None = None
    handover: OptionalHandover = None
    join_notice: JoinNotice | None = None
    idempotency_key: IdempotencyKey | None = None


class DeskNewTicket(NewTicket):
    """The body of `create_ticket` with a key of the role `desk`."""

    follow_up_of: Reference | None = None


class NewComment(Struct):
    """The body of `add_ticket_comment`.

    If `caller` is given, the ticket must belong to this caller.
    """

    comment: CommentText
    caller: CallerId | None = None
    handover: OptionalHandover = None
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
    """The body of `update_ticket`. Fields that are left out do not change.

    An `assignee` of null means that nobody is assigned. `duplicate_of` closes the ticket.
    """

    status: Status | None = None
    priority: Priority | None = None
    assignee: Assignee | UnsetType | None = UNSET
    comment: DeskCommentText | None = None
    visibility: Visibility | None = None
    duplicate_of: Reference | None = None
    idempotency_key: IdempotencyKey | None = None


class QueueQuery(Struct):
    """The query of `list_queue`."""

    status: Status
    priority: Priority | None = None
    assignee: Assignee | None = None
    order: Order = "oldest"
    limit: Limit = DEFAULT_PAGE_TICKETS
    cursor: Cursor | None = None


class HandoverQuery(Struct):
    """The query of `list_queue` for the tickets that wait for a person."""

    handover: HandoverState
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


class CannedAnswer(Struct):
    """The form of a canned answer. A new answer has no `revision`."""

    answer_id: IdempotencyKey
    name: CannedName
    text: CannedText
    revision: Revision | None = None


class CannedAnswerDeletion(Struct):
    """The form that deletes a canned answer."""

    revision: Revision | None = None


class NewNotice(Struct):
    """The body of `post_notice`. Either `ends_at` or `minutes` says when the notice ends."""

    text: NoticeText
    ends_at: NoticeEnd | None = None
    minutes: Minutes | None = None
    ticket_number: IncidentReference | None = None


class NoticeForm(NewNotice):
    """The form of the notice. `revision` is the revision of the notice that the page showed."""

    revision: Revision | None = None


class NoticeEnding(Struct):
    """The form that ends the notice."""

    revision: Revision | None = None


class DeskListQuery(TicketQuery):
    """The query of a list or of a search, for the desk."""

    handover: HandoverState | None = None
    q: SearchText | None = None


class SearchQuery(Struct):
    """The query of `search_tickets`, which has no filters."""

    q: SearchText
    limit: Limit = DEFAULT_PAGE_TICKETS
    cursor: Cursor | None = None
    caller: NotInSearch | None = None
    status: NotInSearch | None = None
    priority: NotInSearch | None = None
    assignee: NotInSearch | None = None
    handover: NotInSearch | None = None
    order: NotInSearch | None = None


class DocumentQuery(Struct):
    """The query of `show_openapi`."""

    version: Version = "3.0.0"


class CallerHeader(Struct):
    """The header that binds a request to its caller, percent-decoded."""

    caller_id: Annotated[str, text(MAX_CALLER_ID_CHARACTERS, HEADER_NEXT_STEP)] = msgspec.field(
        name="X-Caller-Id"
    )


class CallerVerifiedHeader(Struct):
    """The header that says how the platform verified the caller."""

    caller_verified: CallerVerified = msgspec.field(name="X-Caller-Verified")


class KeyHeader(Struct):
    """The header `Idempotency-Key`."""

    idempotency_key: IdempotencyKey
