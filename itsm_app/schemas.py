"""What comes in and what goes out, with the limits. One struct for each body, query and answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, NoReturn, TypeVar, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from .exceptions import BodyTooLarge, InvalidBody, InvalidField

T = TypeVar("T", bound=Struct)

MAX_BODY_BYTES = 64 * 1024
# Lengths are in characters (code points), of which one at least is not white space.
CallerId = Annotated[str, Meta(max_length=100, pattern=r"\S")]
IssueDescription = Annotated[str, Meta(max_length=1000, pattern=r"\S")]
CommentText = Annotated[str, Meta(max_length=1000, pattern=r"\S")]


class NewTicket(Struct):
    """The body of `create_ticket`."""

    caller_id: CallerId
    issue_description: IssueDescription


class NewComment(Struct):
    """The body of `add_ticket_comment`."""

    comment: CommentText


class TicketQuery(Struct):
    """The query of `list_recent_tickets`."""

    caller: CallerId


class TicketCreated(Struct):
    """The answer of `create_ticket`."""

    ticket_id: str
    status: str
    created_at: str


class CommentAdded(Struct):
    """The answer of `add_ticket_comment`."""

    success: bool
    updated_at: str


class Comment(Struct):
    """A comment, as part of a ticket."""

    comment_text: str
    added_at: str


class Ticket(Struct):
    """The answer of `get_ticket_status`; comments come oldest first."""

    ticket_id: str
    caller_id: str
    issue_description: str
    status: str
    created_at: str
    updated_at: str
    comments: list[Comment]


class TicketList(Struct):
    """The answer of `list_recent_tickets`; tickets come newest first."""

    tickets: list[Ticket]


def load_body(schema: type[T], body: bytes) -> T:
    """Read a body: a JSON object in UTF-8.

    Raises `BodyTooLarge`, `InvalidBody` or `InvalidField`.
    """
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLarge
    try:
        loaded = msgspec.json.decode(body, type=schema)
        # Of two values under one name msgspec keeps the last, and what the first said is lost.
        _once(schema, json.loads(body, object_pairs_hook=list))
    except msgspec.ValidationError as error:
        _refuse(schema, error)
    except (ValueError, RecursionError):
        raise InvalidBody from None
    return loaded


def load_query(schema: type[T], query_string: bytes) -> T:
    """Read a query string: percent-encoded UTF-8. Raises `InvalidField`."""
    text = query_string.decode(errors="surrogateescape")
    fields = _once(schema, parse_qsl(text, keep_blank_values=True, errors="surrogateescape"))
    for field, value in fields.items():
        if not value.isascii() and re.search("[\ud800-\udfff]", value):
            raise InvalidField(field, "must be percent-encoded UTF-8")
    try:
        return msgspec.convert(fields, schema)
    except msgspec.ValidationError as error:
        _refuse(schema, error)


def dump(schema: type[T], source: object) -> T:
    """Fill an answer from the attributes of a stored object."""
    return msgspec.convert(source, schema, from_attributes=True)


def _once(schema: type[Struct], pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise InvalidField(name, "is there twice: send it once")
        if name in schema.__struct_fields__:
            fields[name] = value
    return fields


def _refuse(schema: type[Struct], error: msgspec.ValidationError) -> NoReturn:
    # "Object missing required field `comment`", "Expected `str`, got `int` - at `$.comment`"
    found = re.search(r"(?:field `|at `\$\.)(\w+)`", str(error))
    if found is None:
        raise InvalidBody from None
    field = found[1]
    limit = get_type_hints(schema, include_extras=True)[field].__metadata__[0].max_length
    requirement = f"is required: a text of 1 to {limit} characters, not only white space"
    raise InvalidField(field, requirement) from None
