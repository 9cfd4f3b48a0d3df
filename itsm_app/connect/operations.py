"""The operations of a flow: their parameters, and the fields of their responses.

They call the same functions as the routes and the tools: `api.operations`.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from flask import g
from msgspec import UNSET, Struct, UnsetType

from ..api import caller_binding, operations, parsing, request_schemas
from ..api.errors import UnknownOperation
from ..api.field_types import (
    JOIN_NOTICE,
    CommentText,
    IdempotencyKey,
    IssueDescription,
    Reason,
    Status,
    Summary,
    text,
)
from ..tickets.errors import InvalidField
from ..tickets.limits import MAX_CALLER_ID_CHARACTERS
from . import speech, ticket_fields
from .begin_call import begin_call
from .contact import Contact
from .responses import Fields

# Names of parameters that name a caller, in any spelling.
CALLER_NAMES = {"caller", "callerid", "xcallerid"}
# A response has room for the fields of ten tickets: see `responses.MAX_BYTES`.
LISTED_TICKETS = 10
# The comment of a hand-over without words of the caller.
HANDOVER_COMMENT = "The caller asks for a person."

TicketNumber = Annotated[
    str,
    text(
        MAX_CALLER_ID_CHARACTERS,
        "Ask the caller for the ticket number, or list the caller's tickets.",
    ),
]


# A flow sends each parameter as a text.
JoinNotice = Annotated[Literal["true", "false"], JOIN_NOTICE]


class NoParameters(Struct):
    """The parameters of `begin_call`."""


class OneTicket(Struct):
    """The parameters of `get_ticket_status`."""

    ticket_number: TicketNumber


class TicketList(Struct):
    """The parameters of `list_recent_tickets`."""

    status: Status | None = None


class Write(Struct, kw_only=True):
    """The parameters of every write. `step` tells the writes of one contact apart."""

    step: IdempotencyKey | None = None
    idempotency_key: IdempotencyKey | None = None


class NewTicket(Write, kw_only=True):
    """The parameters of `create_ticket`."""

    issue_description: IssueDescription
    # Unset, because the parameters are part of the idempotency key, which must not change.
    join_notice: JoinNotice | UnsetType = UNSET


class NewComment(Write, kw_only=True):
    """The parameters of `add_ticket_comment`."""

    ticket_number: TicketNumber
    comment: CommentText


class NewHandover(Write, kw_only=True):
    """The parameters of `hand_over`. Without `ticket_number`, a new ticket is created."""

    ticket_number: TicketNumber | None = None
    issue_description: IssueDescription | None = None
    comment: CommentText | None = None
    reason: Reason | None = None
    summary: Summary | None = None


class Operation(NamedTuple):
    """One operation.

    Attributes:
        parameters: The type of the parameters.
        run: The operation. It takes the parameters and the contact, and returns the fields.
    """

    parameters: type[Struct]
    run: Callable[[Any, Contact], Fields]


def run(contact: Contact) -> Fields:
    """Run the operation that the parameters name. Return the fields of its response.

    Raises:
        UnknownOperation: The parameters name no operation, or an unknown one.
        CallerMismatch: A parameter names another caller.
        InvalidField, BodyTooLarge: A parameter is invalid, or all together are too long.
    """
    name = contact.parameters.get("operation")
    if not isinstance(name, str) or name not in OPERATIONS:
        raise UnknownOperation
    g.operation = name
    _require_no_other_caller(contact.parameters)
    operation = OPERATIONS[name]
    # The same checks as for the body of a request. The JSON is ASCII, so that half of a surrogate
    # pair gets an error that names the parameter.
    body = json.dumps(contact.parameters).encode()
    return operation.run(parsing.load_body(operation.parameters, body), contact)


def _require_no_other_caller(parameters: dict[str, Any]) -> None:
    for name, value in parameters.items():
        letters = unicodedata.normalize("NFKC", name).casefold()
        if re.sub(r"[\W_]", "", letters) not in CALLER_NAMES:
            continue
        if not isinstance(value, str):
            raise InvalidField(
                "caller_id",
                "must be a text, but it is not",
                "Leave the field out: Amazon Connect names the caller.",
            )
        caller_binding.bind("caller_id", value)


def _begin_call(_: NoParameters, contact: Contact) -> Fields:
    return begin_call(contact.contact_id)


def _create_ticket(new: NewTicket, contact: Contact) -> Fields:
    return _create(new, contact, new.issue_description, None, new.join_notice == "true")


def _get_ticket_status(one: OneTicket, _: Contact) -> Fields:
    query = request_schemas.OneTicketQuery(comments="latest")
    ticket, _version = operations.get_ticket_status(one.ticket_number, query)
    say = speech.status(ticket.spoken_number, ticket.status)
    return {**ticket_fields.of_ticket(ticket), "say": say}


def _add_ticket_comment(new: NewComment, contact: Contact) -> Fields:
    fields = _comment(new, contact, new.ticket_number, new.comment, None)
    return {**fields, "say": speech.COMMENTED}


def _list_recent_tickets(query: TicketList, _: Contact) -> Fields:
    wanted = request_schemas.TicketQuery(
        status=query.status, comments="latest", limit=LISTED_TICKETS
    )
    page = operations.list_recent_tickets(wanted)
    say = speech.NO_NUMBER if page.note else speech.tickets(len(page.tickets))
    return {
        **ticket_fields.of_tickets(page.tickets),
        "note": page.note,
        **ticket_fields.of_notice(page.notice),
        "say": speech.with_notice(page.notice, say),
    }


def _hand_over(new: NewHandover, contact: Contact) -> Fields:
    handover = request_schemas.Handover(new.reason, new.summary, contact.contact_id)
    if new.ticket_number is not None:
        words = new.comment or HANDOVER_COMMENT
        fields = _comment(new, contact, new.ticket_number, words, handover)
    elif new.issue_description is not None:
        fields = _create(new, contact, new.issue_description, handover)
    else:
        raise parsing.missing(NewHandover, "issue_description")
    return {**fields, "handover": "waiting", "say": speech.HANDED_OVER}


def _create(
    new: Write,
    contact: Contact,
    description: str,
    handover: request_schemas.Handover | None,
    join_notice: bool = False,
) -> Fields:
    created, replayed = operations.create_ticket(
        request_schemas.NewTicket(
            description,
            handover=handover,
            join_notice=join_notice,
            idempotency_key=_idempotency_key(new, contact),
        ),
        with_duplicates=True,
    )
    duplicates = created.possible_duplicates or []
    return {
        "ticket_number": created.ticket_number,
        "ticket_spoken_number": created.spoken_number,
        "ticket_status": created.current_status or created.status,
        "ticket_created_at": created.created_at,
        "replayed": str(replayed).lower(),
        "note": created.note,
        **ticket_fields.of_notice(created.notice),
        **ticket_fields.of_duplicates(duplicates),
        "say": speech.with_notice(
            created.notice,
            speech.created(created.spoken_number, [each.spoken_number for each in duplicates]),
        ),
    }


def _comment(
    new: Write,
    contact: Contact,
    ticket_number: str,
    words: str,
    handover: request_schemas.Handover | None,
) -> Fields:
    added, replayed = operations.add_ticket_comment(
        ticket_number,
        request_schemas.NewComment(
            words, handover=handover, idempotency_key=_idempotency_key(new, contact)
        ),
    )
    return {"ticket_updated_at": added.updated_at, "replayed": str(replayed).lower()}


def _idempotency_key(new: Write, contact: Contact) -> str:
    """Return the idempotency key of a write.

    Amazon Connect sends an event up to three times. Each time, the contact and the parameters are
    the same. Without `step`, all parameters together are the step.
    """
    if new.idempotency_key is not None:
        return new.idempotency_key
    step = new.step or msgspec.json.encode(new).decode()
    seed = f"{contact.contact_id}\0{g.operation}\0{step}"
    # A contact ID and a step together can be longer than an idempotency key.
    return f"connect-{hashlib.sha256(seed.encode()).hexdigest()}"


OPERATIONS = {
    "begin_call": Operation(NoParameters, _begin_call),
    "create_ticket": Operation(NewTicket, _create_ticket),
    "get_ticket_status": Operation(OneTicket, _get_ticket_status),
    "add_ticket_comment": Operation(NewComment, _add_ticket_comment),
    "list_recent_tickets": Operation(TicketList, _list_recent_tickets),
    "hand_over": Operation(NewHandover, _hand_over),
}
