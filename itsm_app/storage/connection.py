"""The stored shape of a ticket: one item of the table, and what its indexes have of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any, NotRequired, TypedDict

import botocore
from botocore.config import Config
from botocore.handlers import add_retry_headers
from pynamodb.attributes import (
    Attribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.connection import TableConnection
from pynamodb.constants import LIST, MAP, NUMBER, STRING
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from .. import config
from ..tickets import numbers
from . import credentials

# Amazon Connect waits 8 s for an answer. Three attempts that each hang in the connect, the TLS
# handshake (which has the connect's time-out again) and the read, with the waits between them, come
# to 6.7 s. These bound each wait for bytes, not an answer that trickles in.
CONNECT_TIMEOUT_SECONDS = 0.4
READ_TIMEOUT_SECONDS = 1.3

USER_AGENT = f"itsm-app Botocore/{botocore.__version__}"


class Comment(TypedDict):
    """One entry of a ticket's conversation."""

    comment_text: str
    added_at: str
    # Those from before there were ids have none.
    comment_id: NotRequired[str]
    # Who of the desk said it, and what their call asked for; the caller's own have none.
    author: NotRequired[str]
    asked: NotRequired[str]


# One entry of a ticket's history: a field's value as it was and as it is, if any, who changed it,
# when, and which call did.
Event = TypedDict(
    "Event",
    {
        "field": str,
        "from": NotRequired[str],
        "to": NotRequired[str],
        "changed_by": str,
        "changed_at": str,
        "change_id": str,
        "asked": NotRequired[str],
    },
)


class EntriesAttribute(Attribute[list[Any]]):
    """A list of plain dicts of texts, in and out.

    PynamoDB's own ListAttribute deep-copies an attribute for every entry that it reads.
    """

    attr_type = LIST

    def serialize(self, value: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return `value` as DynamoDB's list of maps of strings."""
        return [{MAP: {name: {STRING: text} for name, text in entry.items()}} for entry in value]

    def deserialize(self, value: list[dict[str, Any]]) -> list[Any]:
        """Return DynamoDB's list of maps of strings as it was before."""
        return [{name: text[STRING] for name, text in entry[MAP].items()} for entry in value]


class CountAttribute(Attribute[int]):
    """A whole number, which PynamoDB's own NumberAttribute reads as JSON."""

    attr_type = NUMBER

    def serialize(self, value: int) -> str:
        """Return `value` as DynamoDB's number."""
        return str(value)

    def deserialize(self, value: str) -> int:
        """Return DynamoDB's number as it was before."""
        return int(value)


class CommentsAttribute(EntriesAttribute):
    """Comments, oldest first."""

    def deserialize(self, value: list[dict[str, Any]]) -> list[Comment]:
        """Return DynamoDB's list of maps as comments.

        They are stored in the order in which writes arrived, which may differ from that of their
        times by moments. The sort is stable: of one microsecond, the first to arrive comes first.
        """
        comments = super().deserialize(value)
        comments.sort(key=itemgetter("added_at"))
        return comments


class CallerIdIndex(GlobalSecondaryIndex["Ticket"]):  # type: ignore[no-untyped-call]
    """The tickets of a caller, by the time of their creation."""

    class Meta:
        """Names and shape of the index."""

        index_name = "CallerIdIndex"
        projection = AllProjection()

    caller_id = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute(range_key=True)


class StatusIndex(GlobalSecondaryIndex["Ticket"]):  # type: ignore[no-untyped-call]
    """The tickets of a status, by the time of their creation, without what was said on them.

    So a comment is written to this index with what the queue shows, and not with all the others.
    """

    class Meta:
        """Names and shape of the index."""

        index_name = "StatusIndex"
        projection = IncludeProjection(
            [
                "ticket_number",
                "caller_id",
                "issue_description",
                "priority",
                "assignee",
                "updated_at",
                "answered_at",
                "resolved_at",
                "expires_at",
            ]
        )

    status = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute(range_key=True)


class Ticket(Model):
    """One ticket. Times are strings as the API shows them: RFC 3339, UTC, microseconds, `Z`."""

    class Meta:
        """Where the table is, and how long to wait for it."""

        table_name = config.TABLE_NAME
        region = config.REGION
        connect_timeout_seconds = CONNECT_TIMEOUT_SECONDS
        read_timeout_seconds = READ_TIMEOUT_SECONDS
        # One for each thread of a server that is asked by many at once.
        max_pool_connections = 64
        # `retry` holds the one retry loop; botocore's own is off.
        max_retry_attempts = 0

    ticket_id = UnicodeAttribute(hash_key=True)
    caller_id = UnicodeAttribute()
    issue_description = UnicodeAttribute()
    status = UnicodeAttribute(default_for_new="open")
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    comments = CommentsAttribute(default=list)
    # What follows, tickets from before it was there do not have.
    ticket_number = UnicodeAttribute(null=True)
    idempotency_key = UnicodeAttribute(null=True)
    # Of its comments, and of the changes to it.
    comment_ids = UnicodeSetAttribute(null=True)
    content_bytes = CountAttribute(null=True)
    priority = UnicodeAttribute(default="normal")
    assignee = UnicodeAttribute(null=True)
    history = EntriesAttribute(null=True)
    # How often it was written.
    revision = CountAttribute(null=True)
    # When the desk first said something, and when it was first resolved or closed.
    answered_at = UnicodeAttribute(null=True)
    resolved_at = UnicodeAttribute(null=True)
    # When it ends, in seconds since 1970.
    expires_at = CountAttribute(null=True)
    # When what named its caller was taken out.
    erased_at = UnicodeAttribute(null=True)
    caller_id_index = CallerIdIndex()
    status_index = StatusIndex()

    @property
    def spoken_number(self) -> str | None:
        """The number as a speech engine should read it."""
        number = self.ticket_number
        return number and numbers.spoken(number)

    def fields(self) -> dict[str, Any]:
        """Return the values of the attributes that are there, and the number as it is said.

        One by one, PynamoDB's attributes take longer to give them than DynamoDB's answer to read.
        """
        return {**self.attribute_values, "spoken_number": self.spoken_number}

    @classmethod
    def connection(cls) -> TableConnection:
        """Return the table's connection, for requests that the model has no method for."""
        return cls._get_connection()

    @classmethod
    def connect(cls) -> None:
        """Make the DynamoDB client, which opens no connection. Otherwise the first request does."""
        connection = cls.connection().connection
        # botocore would put its own user agent together anew for each request, 8 % of its work.
        connection.session.set_default_client_config(Config(user_agent=USER_AGENT))
        credentials.look_late(connection.session)
        # They tell of botocore's own retries, and decide on them, which are off.
        events = connection.client.meta.events
        events.unregister("request-created", add_retry_headers)
        events.unregister("needs-retry.dynamodb", unique_id="retry-config-dynamodb")

    def serialize(self, null_check: bool = True) -> dict[str, dict[str, Any]]:
        """Return the item that DynamoDB is to hold.

        PynamoDB's own looks at each attribute for maps in it, which there are none of.
        """
        item = {}
        for name, attribute in self.get_attributes().items():
            value = self.attribute_values.get(name)
            if value is not None:
                item[name] = {attribute.attr_type: attribute.serialize(value)}
        return item

    @classmethod
    def from_raw_data(cls, data: dict[str, dict[str, Any]]) -> Ticket:
        """Return the ticket that an item of DynamoDB's holds.

        PynamoDB's own sets every default twice first, which takes as long again.
        """
        ticket = cls.__new__(cls)
        values = ticket.attribute_values = {"comments": [], "priority": "normal"}
        attributes = cls.get_attributes()
        for name in attributes.keys() & data.keys():
            attribute, typed = attributes[name], data[name]
            if attribute.attr_type == STRING:
                values[name] = typed[STRING]
            else:
                values[name] = attribute.deserialize(attribute.get_value(typed))
        return ticket
