"""The lines of an export file.

Each line is one ticket, or the canned answers or the notice of the desk. Lines have the format of
DynamoDB's own exports, each value with its type ("DynamoDB table export output format" in the
DynamoDB Developer Guide).
"""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from .errors import InvalidLine
from .items import CANNED_ANSWERS_KEY, NOTICE_KEY, Item
from .timestamps import format_timestamp

# DynamoDB's types, and the type of their content in JSON: "Data type descriptors" in the DynamoDB
# Developer Guide.
KINDS: dict[str, Any] = {
    **dict.fromkeys(("S", "N", "B"), str),
    **dict.fromkeys(("SS", "NS", "BS", "L"), list),
    **dict.fromkeys(("BOOL", "NULL"), bool),
    "M": dict,
}
NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")


class Text(Struct):
    """A DynamoDB string."""

    S: str


class Time(Struct):
    """A timestamp in the format of `timestamps`.

    Other formats are invalid, because queries sort tickets by the text of the timestamp.
    """

    S: str

    def __post_init__(self) -> None:
        """Raise `ValueError` if the format is wrong. msgspec adds the path of the value."""
        try:
            if format_timestamp(datetime.fromisoformat(self.S)) == self.S:
                return
        except (ValueError, OverflowError):
            pass
        raise ValueError("Expected a time such as 2026-11-23T22:08:48.123456Z")


class Count(Struct):
    """A whole number of at most 38 digits.

    See "Supported data types and naming rules in Amazon DynamoDB" in the DynamoDB Developer Guide.
    """

    N: Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,37})\Z")]


class Texts(Struct):
    """A set of strings."""

    SS: list[str]


class CommentMembers(Struct):
    """The members that a comment must have. More are allowed."""

    comment_text: Text
    added_at: Time


class Comment(Struct):
    """A comment: a map of strings."""

    M: dict[str, Text]

    def __post_init__(self) -> None:
        """Raise msgspec's error if a member is missing or invalid."""
        msgspec.convert(self.M, CommentMembers, from_attributes=True)


class Comments(Struct):
    """A list of comments."""

    L: list[Comment]


class EventMembers(Struct):
    """The members that a history entry must have. More are allowed."""

    field: Text
    changed_by: Text
    changed_at: Time
    change_id: Text


class Event(Struct):
    """A history entry: a map of strings."""

    M: dict[str, Text]

    def __post_init__(self) -> None:
        """Raise msgspec's error if a member is missing or invalid."""
        msgspec.convert(self.M, EventMembers, from_attributes=True)


class History(Struct):
    """A list of history entries."""

    L: list[Event]


class HandoverMembers(Struct):
    """The members that a hand-over must have. More are allowed."""

    handover_id: Text
    requested_at: Time
    requested_by: Text


class Handover(Struct):
    """A hand-over: a map of strings."""

    M: dict[str, Text]

    def __post_init__(self) -> None:
        """Raise msgspec's error if a member is missing or invalid."""
        msgspec.convert(self.M, HandoverMembers, from_attributes=True)


class Handovers(Struct):
    """A list of hand-overs."""

    L: list[Handover]


class StoredTicket(Struct, kw_only=True):
    """The attributes that a ticket has or can have, with their types. More are allowed."""

    ticket_id: Text
    caller_id: Text
    issue_description: Text
    status: Text
    created_at: Time
    updated_at: Time
    comments: Comments
    ticket_number: Text | None = None
    idempotency_key: Text | None = None
    comment_ids: Texts | None = None
    content_bytes: Count | None = None
    priority: Text | None = None
    assignee: Text | None = None
    history: History | None = None
    revision: Count | None = None
    answered_at: Time | None = None
    resolved_at: Time | None = None
    expires_at: Count | None = None
    erased_at: Time | None = None
    notes: Comments | None = None
    note_writes: Count | None = None
    handovers: Handovers | None = None
    handover_since: Time | None = None
    reopened_at: Time | None = None
    last_comment_at: Time | None = None
    last_comment_author: Text | None = None
    created_by: Text | None = None
    caller_verified: Text | None = None
    duplicate_of: Text | None = None
    duplicates: Texts | None = None
    follow_up_of: Text | None = None
    follow_ups: Texts | None = None
    parent: Text | None = None
    children: Texts | None = None
    told_until: Time | None = None
    told_before: Time | None = None
    told_contact_id: Text | None = None
    queue: Text | None = None
    queue_position: Text | None = None


class Line(Struct):
    """A line with a ticket."""

    item: StoredTicket = msgspec.field(name="Item")


class CannedAnswerMembers(Struct):
    """The members of a canned answer."""

    answer_id: Text
    name: Text
    text: Text


class CannedAnswer(Struct):
    """A canned answer: a map of strings."""

    M: CannedAnswerMembers


class CannedAnswers(Struct):
    """A list of canned answers."""

    L: list[CannedAnswer]


class StoredCannedAnswers(Struct):
    """The attributes of the item with the canned answers."""

    ticket_id: Text
    answers: CannedAnswers
    revision: Count
    updated_at: Time


class CannedAnswersLine(Struct):
    """The line with the canned answers."""

    item: StoredCannedAnswers = msgspec.field(name="Item")


class StoredNotice(Struct):
    """The attributes of the item with the notice. A notice that was ended has no text."""

    ticket_id: Text
    revision: Count
    updated_at: Time
    text: Text | None = None
    ends_at: Time | None = None
    posted_by: Text | None = None
    posted_at: Time | None = None
    ticket_number: Text | None = None


class NoticeLine(Struct):
    """The line with the notice."""

    item: StoredNotice = msgspec.field(name="Item")


class Key(Struct):
    """The key of an item."""

    ticket_id: Text


class AnyLine(Struct):
    """A line of an export."""

    item: Key = msgspec.field(name="Item")


# The types of the lines that are no tickets, by key.
LINES: dict[str, type[Struct]] = {
    CANNED_ANSWERS_KEY: CannedAnswersLine,
    NOTICE_KEY: NoticeLine,
}


def to_line(item: Item) -> bytes:
    """Return an item as a line. Equal items give equal lines: names and sets are sorted."""
    return msgspec.json.encode({"Item": _sort_sets(item)}, order="sorted") + b"\n"


def from_line(line: bytes) -> Item:
    """Return the item of a line. Raise `InvalidLine` if the line is not a ticket."""
    try:
        key = msgspec.json.decode(line, type=AnyLine).item.ticket_id.S
        msgspec.json.decode(line, type=LINES.get(key, Line))
        item: Item = msgspec.json.decode(line)["Item"]
        _check_value({"M": item})
    except (ValueError, RecursionError) as error:
        # msgspec's messages contain names and types, but no values.
        raise InvalidLine(str(error)) from None
    return item


def _sort_sets(item: Item) -> Item:
    # DynamoDB does not define the order of the members of a set.
    return {
        name: {kind: sorted(content) if kind in ("SS", "NS", "BS") else content}
        for name, value in item.items()
        for kind, content in value.items()
    }


def _check_value(value: Any) -> None:
    """Raise `ValueError` if a value is not one of DynamoDB's types. Binary values are in base64."""
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("Expected a value with one type")
    kind, content = next(iter(value.items()))
    if not isinstance(content, KINDS.get(kind, ())):
        raise ValueError("Expected a value of a DynamoDB type")
    if kind in ("SS", "NS", "BS"):
        for each in content:
            _check_value({kind[0]: each})
    elif kind in ("L", "M"):
        for each in content if kind == "L" else content.values():
            _check_value(each)
    elif kind == "B":
        b64decode(content, validate=True)
    elif kind == "N" and not NUMBER.fullmatch(content):
        raise ValueError("Expected a number")
