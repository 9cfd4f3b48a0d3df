"""The lines of an export file, and the import of one line.

Each line is one ticket in the format of DynamoDB's own exports, each value with its type ("DynamoDB
table export output format" in the DynamoDB Developer Guide).
"""

from __future__ import annotations

from base64 import b64decode
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from .errors import InvalidLine
from .items import Item, put_item_if_missing, read_item
from .timestamps import format_timestamp

Outcome = Literal["imported", "unchanged", "different"]


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


class Line(Struct):
    """One line of an export file."""

    item: StoredTicket = msgspec.field(name="Item")


def to_line(item: Item) -> bytes:
    """Return an item as a line. Equal items give equal lines: names and sets are sorted."""
    return msgspec.json.encode({"Item": _sort_sets(item)}, order="sorted") + b"\n"


def from_line(line: bytes) -> Item:
    """Return the item of a line. Raise `InvalidLine` if the line is not a ticket."""
    try:
        msgspec.json.decode(line, type=Line)
        item: Item = _decode_binary(msgspec.json.decode(line)["Item"])
    except (ValueError, RecursionError) as error:
        # msgspec's messages contain names and types, but no values.
        raise InvalidLine(str(error)) from None
    return item


def import_item(item: Item) -> Outcome:
    """Store an item if the table has no item with its id.

    Returns:
        `imported` if the table had no item with this id. Otherwise `unchanged` if the two items are
        equal, and `different` if the items are not equal.

    Raises:
        StorageUnavailable: DynamoDB failed. It is unknown whether the item was stored.
    """
    if put_item_if_missing(item):
        return "imported"
    found = read_item(item["ticket_id"]["S"])
    return "unchanged" if found and to_line(found) == to_line(item) else "different"


def _sort_sets(item: Item) -> Item:
    # DynamoDB does not define the order of the members of a set.
    return {
        name: {kind: sorted(content) if kind in ("SS", "NS", "BS") else content}
        for name, value in item.items()
        for kind, content in value.items()
    }


def _decode_binary(value: Any) -> Any:
    # Export files contain binary values as base64. No attribute of a ticket is binary, but an item
    # can have other attributes that are.
    if isinstance(value, list):
        return [_decode_binary(each) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("B"), str):
        return {"B": b64decode(value["B"])}
    if isinstance(value.get("BS"), list):
        return {"BS": [b64decode(each) for each in value["BS"]]}
    return {name: _decode_binary(each) for name, each in value.items()}
