"""What comes in and what goes out, with the limits. One struct for each body, query and answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, NoReturn, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from .exceptions import BodyTooLarge, InvalidBody, InvalidField

T = TypeVar("T", bound=Struct)

MAX_BODY_BYTES = 64 * 1024


def _text(length: int) -> Meta:
    # A length in characters (code points).
    requirement = f"a text of 1 to {length} characters, not only white space"
    return Meta(max_length=length, pattern=r"\S", description=requirement)


CallerId = Annotated[str, _text(100)]
IssueDescription = Annotated[str, _text(1000)]
CommentText = Annotated[str, _text(1000)]
IdempotencyKey = Annotated[str, _text(100)]
Limit = Annotated[int, Meta(ge=1, le=100, description="a whole number from 1 to 100")]
Cursor = Annotated[str, Meta(description="the next_cursor of the page before")]


class NewTicket(Struct):
    """The body of `create_ticket`."""

    caller_id: CallerId
    issue_description: IssueDescription
    idempotency_key: IdempotencyKey | None = None


class _Key(Struct):
    idempotency_key: IdempotencyKey


class NewComment(Struct):
    """The body of `add_ticket_comment`."""

    comment: CommentText
    idempotency_key: IdempotencyKey | None = None


class TicketQuery(Struct):
    """The query of `list_recent_tickets`."""

    caller: CallerId
    limit: Limit = 10
    cursor: Cursor | None = None


class TicketCreated(Struct):
    """The answer of `create_ticket`."""

    ticket_id: str
    ticket_number: str
    status: str
    created_at: str


class CommentAdded(Struct):
    """The answer of `add_ticket_comment`."""

    success: bool
    updated_at: str
    comment_id: str


class Comment(Struct, omit_defaults=True):
    """A comment, as part of a ticket. Those from before there were ids have none."""

    comment_text: str
    added_at: str
    comment_id: str | None = None


class Ticket(Struct, kw_only=True, omit_defaults=True):
    """The answer of `get_ticket_status`; comments come oldest first.

    Tickets from before there were numbers have none.
    """

    ticket_id: str
    ticket_number: str | None = None
    caller_id: str
    issue_description: str
    status: str
    created_at: str
    updated_at: str
    comments: list[Comment]


class TicketList(Struct, omit_defaults=True):
    """The answer of `list_recent_tickets`; tickets come newest first.

    With `next_cursor` the list goes on; without it, that was all.
    """

    tickets: list[Ticket]
    next_cursor: str | None = None


class Health(Struct):
    """The answer of `show_health`."""

    status: str


def load_body(schema: type[T], body: bytes) -> T:
    """Read a body: a JSON object in UTF-8.

    Raises `BodyTooLarge`, `InvalidBody` or `InvalidField`.
    """
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLarge
    try:
        # Of two values under one name msgspec keeps the last, and what the first said is lost.
        pairs = json.loads(body.decode(), object_pairs_hook=tuple, parse_int=str)
        if isinstance(pairs, tuple):
            _check_fields(schema, pairs)
        return msgspec.json.decode(body, type=schema)
    except msgspec.ValidationError as error:
        _refuse(schema, error)
    except (ValueError, RecursionError):
        raise InvalidBody from None


def load_query(schema: type[T], query_string: bytes) -> T:
    """Read a query string: percent-encoded UTF-8. Raises `InvalidField`."""
    # What is not ASCII here was not percent-encoded, and a server may have decoded it wrongly.
    text = query_string.decode("ascii", errors="surrogateescape")
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    _check_fields(schema, pairs)
    try:
        return msgspec.convert(dict(pairs), schema, strict=False)
    except msgspec.ValidationError as error:
        _refuse(schema, error)


def one_key(in_body: str | None, in_header: str | None) -> str | None:
    """Return the idempotency key, which may come in the body, the header, or both.

    Raises `InvalidField` when they differ, or the header's is no key.
    """
    if in_header is None:
        return in_body
    if in_body not in (None, in_header):
        raise InvalidField("idempotency_key", "differs from the header Idempotency-Key: send one")
    if not in_header.isascii():
        raise InvalidField("Idempotency-Key", "must be ASCII; send any other key in the body")
    try:
        return msgspec.convert({"idempotency_key": in_header}, _Key).idempotency_key
    except msgspec.ValidationError as error:
        _refuse(_Key, error)


def dump(schema: type[T], source: object) -> T:
    """Fill an answer from the attributes of a stored object."""
    return msgspec.convert(source, schema, from_attributes=True)


def _check_fields(schema: type[Struct], pairs: Iterable[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, value in pairs:
        if name in seen:
            raise InvalidField(name, "is there twice: send it once")
        if name in schema.__struct_fields__:
            seen.add(name)
            _check_utf_8(name, value)


def _check_utf_8(name: str, value: Any) -> None:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        requirement = "is not UTF-8: encode it so, and percent-encode a query"
        raise InvalidField(name, requirement) from None


def _refuse(schema: type[Struct], error: msgspec.ValidationError) -> NoReturn:
    # "Object missing required field `comment`", "Expected `str`, got `int` - at `$.comment`"
    found = re.search(r"(?:field `|at `\$\.)(\w+)`", str(error))
    if found is None:
        raise InvalidBody from None
    field = found[1]
    hint = get_type_hints(schema, include_extras=True)[field]
    # What may be left out is a union with None.
    needed = (hint if get_origin(hint) is Annotated else get_args(hint)[0]).__metadata__[0]
    missing = "is missing: it " if "missing" in str(error) else ""
    raise InvalidField(field, f"{missing}must be {needed.description}") from None
