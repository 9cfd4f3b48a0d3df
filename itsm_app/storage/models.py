"""The DynamoDB table and its indexes as PynamoDB models. One item is one ticket."""

from __future__ import annotations

from threading import Lock
from typing import Any, ClassVar

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UnicodeSetAttribute
from pynamodb.connection import TableConnection
from pynamodb.constants import NULL
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from .. import config
from . import connection, expiry
from .attributes import CommentsAttribute, EntriesAttribute


class CallerIdIndex(GlobalSecondaryIndex["Ticket"]):  # type: ignore[no-untyped-call]
    """The tickets of a caller, sorted by creation time."""

    class Meta:
        """Name and projection of the index."""

        index_name = "CallerIdIndex"
        projection = AllProjection()

    caller_id = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute(range_key=True)


class StatusIndex(GlobalSecondaryIndex["Ticket"]):  # type: ignore[no-untyped-call]
    """The tickets of a status, sorted by creation time, without comments and history.

    A new comment rewrites the whole ticket in the table and in `CallerIdIndex`. In this index, it
    rewrites only the attributes listed here.
    """

    class Meta:
        """Name and projection of the index."""

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


DEFAULT_PRIORITY = "normal"

# What a list at the desk shows of a ticket.
LISTED = [
    "ticket_number",
    "caller_id",
    "issue_description",
    "status",
    "priority",
    "assignee",
    "created_at",
    "updated_at",
    "expires_at",
    "handover_since",
    "reopened_at",
    "last_comment_at",
    "last_comment_author",
    "created_by",
]


class StatusQueueIndex(GlobalSecondaryIndex["Ticket"]):  # type: ignore[no-untyped-call]
    """The tickets of a status in the order in which the desk works on them."""

    class Meta:
        """Name and projection of the index."""

        index_name = "StatusQueueIndex"
        projection = IncludeProjection([each for each in LISTED if each != "status"])

    status = UnicodeAttribute(hash_key=True)
    queue_position = UnicodeAttribute(range_key=True)


class QueueIndex(GlobalSecondaryIndex["Ticket"]):  # type: ignore[no-untyped-call]
    """The tickets that wait for a person, the unassigned tickets, and the tickets of an assignee.

    See `tickets.places`.
    """

    class Meta:
        """Name and projection of the index."""

        index_name = "QueueIndex"
        projection = IncludeProjection(LISTED)

    queue = UnicodeAttribute(hash_key=True)
    queue_position = UnicodeAttribute(range_key=True)


class Ticket(Model):
    """One ticket. Timestamps are texts in the format of `timestamps`.

    An attribute with `null=True` is missing if the ticket has no value for the attribute yet, or if
    the ticket is older than the attribute.
    """

    class Meta:
        """Where the table is, and the time-outs of a request."""

        table_name = config.TABLE_NAME
        region = config.REGION
        connect_timeout_seconds = connection.CONNECT_TIMEOUT_SECONDS
        read_timeout_seconds = connection.READ_TIMEOUT_SECONDS
        max_pool_connections = connection.MAX_POOL_CONNECTIONS
        # `retry` is the only retry loop.
        max_retry_attempts = 0

    ticket_id = UnicodeAttribute(hash_key=True)
    caller_id = UnicodeAttribute()
    issue_description = UnicodeAttribute()
    status = UnicodeAttribute(default_for_new="open")
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    comments = CommentsAttribute(default=list)
    ticket_number = UnicodeAttribute(null=True)
    # The key of the create request.
    idempotency_key = UnicodeAttribute(null=True)
    # The ids of all comments, and also of all change requests, that were written. A write fails if
    # its id is already here, so a repeated request takes effect once.
    comment_ids = UnicodeSetAttribute(null=True)
    # The size of the ticket, see `sizes`.
    content_bytes = NumberAttribute(null=True)
    priority = UnicodeAttribute(default=DEFAULT_PRIORITY)
    assignee = UnicodeAttribute(null=True)
    history = EntriesAttribute(null=True)
    # How many times the ticket was written.
    revision = NumberAttribute(null=True)
    # The time of the desk's first comment.
    answered_at = UnicodeAttribute(null=True)
    # The time of the first change to resolved or closed.
    resolved_at = UnicodeAttribute(null=True)
    # Seconds since 1970, see `expiry`.
    expires_at = NumberAttribute(null=True)
    # When the caller's data was erased.
    erased_at = UnicodeAttribute(null=True)
    # The desk's internal notes. No caller may see them, so they are not among the comments.
    notes = CommentsAttribute(null=True)
    # How many of the writes that `revision` counts added an internal note and nothing else.
    note_writes = NumberAttribute(null=True)
    # All hand-overs to a person, and since when one waits. The time is missing if none waits.
    handovers = EntriesAttribute(null=True)
    handover_since = UnicodeAttribute(null=True)
    # The time of the caller's comment that reopened the ticket. Missing after the next resolution.
    reopened_at = UnicodeAttribute(null=True)
    # The newest comment. The author is the name of the desk's key, and missing for the caller.
    last_comment_at = UnicodeAttribute(null=True)
    last_comment_author = UnicodeAttribute(null=True)
    # The name of the desk's key that created the ticket.
    created_by = UnicodeAttribute(null=True)
    # How the platform verified the caller who created the ticket, as in `attributes.Comment`.
    caller_verified = UnicodeAttribute(null=True)
    # The number of the ticket that this ticket duplicates, and the numbers of its own duplicates.
    duplicate_of = UnicodeAttribute(null=True)
    duplicates = UnicodeSetAttribute(null=True)
    # The number of the ticket that this ticket follows up, and the numbers of its own follow-ups.
    follow_up_of = UnicodeAttribute(null=True)
    follow_ups = UnicodeSetAttribute(null=True)
    # The number of the incident's ticket that this ticket joined, and the numbers of the tickets
    # that joined this ticket, see `tickets.notices`.
    parent = UnicodeAttribute(null=True)
    children = UnicodeSetAttribute(null=True)
    # What a caller was told of the desk's answers, see `tickets.answers`.
    told_until = UnicodeAttribute(null=True)
    told_before = UnicodeAttribute(null=True)
    told_contact_id = UnicodeAttribute(null=True)
    # Where the desk's lists show the ticket, see `tickets.places`.
    queue = UnicodeAttribute(null=True)
    queue_position = UnicodeAttribute(null=True)
    caller_id_index = CallerIdIndex()
    status_index = StatusIndex()
    status_queue_index = StatusQueueIndex()
    queue_index = QueueIndex()

    _configured_connection: ClassVar[TableConnection | None] = None
    _lock: ClassVar[Lock] = Lock()

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Ticket:
        """Return the ticket of a stored item. Ignore attributes that the model does not know."""
        # PynamoDB's own method looks at each attribute of the model three times, present or not:
        # 12 % of the CPU of a list of ten tickets.
        ticket = cls.__new__(cls)
        # The defaults of the attributes, as above.
        ticket.attribute_values = {"comments": [], "priority": DEFAULT_PRIORITY}
        attributes = cls.get_attributes()
        for name, value in data.items():
            attribute = attributes.get(name)
            if attribute is not None and NULL not in value:
                ticket.attribute_values[name] = attribute.deserialize(attribute.get_value(value))
        return ticket

    def to_item(self) -> dict[str, dict[str, Any]]:
        """Return the ticket as DynamoDB stores it."""
        # With PynamoDB's own `save`, a create takes 4 % more CPU.
        attributes = self.get_attributes()
        return {
            name: {attributes[name].attr_type: attributes[name].serialize(value)}
            for name, value in self.attribute_values.items()
            if value is not None
        }

    @property
    def version(self) -> str:
        """A text that changes with every write to the ticket and with nothing else."""
        return f"{self.revision or 0}.{self.updated_at}"

    @property
    def public_version(self) -> str:
        """A text that changes with every write that the caller can see, and with nothing else."""
        return f"{int(self.revision or 0) - int(self.note_writes or 0)}.{self.updated_at}"

    @property
    def is_expired(self) -> bool:
        """Whether the ticket must be treated as deleted."""
        return self.expires_at is not None and self.expires_at <= expiry.clock()

    @classmethod
    def connection(cls) -> TableConnection:
        """Return PynamoDB's low-level connection to the table. Its client is already created.

        The creation of the client opens no network connection.
        """
        return cls._get_connection()

    @classmethod
    def _get_connection(cls) -> TableConnection:
        # PynamoDB creates the client when the client is first used, from a session of the calling
        # thread. One thread configures its session and creates the client. Other threads wait.
        table = super()._get_connection()
        if table is not cls._configured_connection:
            with cls._lock:
                # False only for a thread that waited for the lock.
                if table is not cls._configured_connection:  # pragma: no branch
                    connection.create_client(table.connection)
                    cls._configured_connection = table
        return table
