"""Tickets out of the table and back into it, one a line, with all that is stored.

The lines are those of DynamoDB's own exports, each value with its type: "DynamoDB table export
output format" in the DynamoDB Developer Guide.
"""

from __future__ import annotations

from base64 import b64decode
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from ..api.errors import InvalidLine
from ..tickets import lifecycle
from . import items
from .items import Item

Outcome = Literal["imported", "there", "different"]


class Text(Struct):
    """A text, as DynamoDB has it."""

    S: str


class Time(Struct):
    """A time as tickets have it: lists are in the order of these texts."""

    S: str

    def __post_init__(self) -> None:
        """Raise what msgspec reports with its place."""
        try:
            if lifecycle.written(datetime.fromisoformat(self.S)) == self.S:
                return
        except (ValueError, OverflowError):
            pass
        raise ValueError("Expected a time such as 2026-11-23T22:08:48.123456Z")


class Count(Struct):
    """A whole number, of as many digits as DynamoDB takes: "Supported data types", Numbers."""

    N: Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,37})\Z")]


class Texts(Struct):
    """A set of texts."""

    SS: list[str]


class CommentMembers(Struct):
    """What the app needs of a comment. There may be more."""

    comment_text: Text
    added_at: Time


class Comment(Struct):
    """A comment: a map of texts."""

    M: dict[str, Text]

    def __post_init__(self) -> None:
        """Raise what is missing."""
        msgspec.convert(self.M, CommentMembers, from_attributes=True)


class Comments(Struct):
    """A list of comments."""

    L: list[Comment]


class EventMembers(Struct):
    """What the app needs of a change. There may be more."""

    field: Text
    changed_by: Text
    changed_at: Time
    change_id: Text


class Event(Struct):
    """A change: a map of texts."""

    M: dict[str, Text]

    def __post_init__(self) -> None:
        """Raise what is missing."""
        msgspec.convert(self.M, EventMembers, from_attributes=True)


class History(Struct):
    """A list of changes."""

    L: list[Event]


class StoredTicket(Struct, kw_only=True):
    """What the app needs of an item to read it as a ticket. There may be more."""

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


class Line(Struct):
    """A line of an export."""

    item: StoredTicket = msgspec.field(name="Item")


def to_line(item: Item) -> bytes:
    """Return an item as a line, the same for the same item: names and sets in order."""
    return msgspec.json.encode({"Item": _sorted_sets(item)}, order="sorted") + b"\n"


def from_line(line: bytes) -> Item:
    """Return the item of a line. Raises `InvalidLine`."""
    try:
        msgspec.json.decode(line, type=Line)
        item: Item = _with_bytes(msgspec.json.decode(line)["Item"])
    except (ValueError, RecursionError) as error:
        # It tells of names and types, and of no value.
        raise InvalidLine(str(error)) from None
    return item


def take_back(item: Item) -> Outcome:
    """Store an item if there is none of its id, and return what came of it.

    Raises `StorageUnavailable`.
    """
    if items.put_absent(item):
        return "imported"
    found = items.read(item["ticket_id"]["S"])
    return "there" if found and to_line(found) == to_line(item) else "different"


def _sorted_sets(item: Item) -> Item:
    # DynamoDB gives a set's members in any order.
    return {
        name: {kind: sorted(content) if kind in ("SS", "NS", "BS") else content}
        for name, value in item.items()
        for kind, content in value.items()
    }


def _with_bytes(value: Any) -> Any:
    # Binary values are in base64. A ticket has none, but an item may have more than a ticket.
    if isinstance(value, list):
        return [_with_bytes(each) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("B"), str):
        return {"B": b64decode(value["B"])}
    if isinstance(value.get("BS"), list):
        return {"BS": [b64decode(each) for each in value["BS"]]}
    return {name: _with_bytes(each) for name, each in value.items()}
