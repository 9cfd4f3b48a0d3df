"""The DynamoDB table and its indexes as PynamoDB models. One item is one ticket."""

from __future__ import annotations

from threading import Lock
from typing import ClassVar

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UnicodeSetAttribute
from pynamodb.connection import TableConnection
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
    priority = UnicodeAttribute(default="normal")
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
    caller_id_index = CallerIdIndex()
    status_index = StatusIndex()

    _configured_connection: ClassVar[TableConnection | None] = None
    _lock: ClassVar[Lock] = Lock()

    @property
    def version(self) -> str:
        """A text that changes with every write to the ticket and with nothing else."""
        return f"{self.revision or 0}.{self.updated_at}"

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
                if table is not cls._configured_connection:
                    connection.create_client(table.connection)
                    cls._configured_connection = table
        return table
