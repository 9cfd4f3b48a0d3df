"""Create what full-text search needs: the table with the index, and the ticket table's stream."""

from __future__ import annotations

from typing import Any

from ..config import TABLE_NAME
from .errors import TableMismatch
from .models import Ticket
from .retry import retries_per_request, with_retries
from .search_index import SearchItem

# Changes of a ticket are its state before and after.
VIEW_TYPE = "NEW_AND_OLD_IMAGES"


def create() -> bool:
    """Create the table of the search index, and wait until it is active.

    Returns:
        True if the table is new, False if it existed.

    Raises:
        TableMismatch: The table exists, but its key differs.
        StorageUnavailable: DynamoDB rejected a request or cannot be reached.
    """
    with retries_per_request():
        is_new = not with_retries(SearchItem.exists)
        if is_new:
            with_retries(lambda: SearchItem.create_table(billing_mode="PAY_PER_REQUEST", wait=True))
        found = _describe(SearchItem.Meta.table_name)
    keys = [each["AttributeName"] for each in found["KeySchema"]]
    if keys != ["partition", "position"]:
        raise TableMismatch(f"the key must be partition and position, but it is {keys}")
    return is_new


def turn_on_stream() -> bool:
    """Turn on the stream of the ticket table. Return False if it was on.

    Raises:
        TableMismatch: The table has a stream without the states before and after a change.
        StorageUnavailable: DynamoDB rejected a request or cannot be reached.
    """
    with retries_per_request():
        stream = _describe(TABLE_NAME).get("StreamSpecification", {})
        if stream.get("StreamEnabled"):
            if stream["StreamViewType"] != VIEW_TYPE:
                raise TableMismatch(
                    f"the stream must have {VIEW_TYPE}, but it has {stream['StreamViewType']}"
                )
            return False
        specification = {"StreamEnabled": True, "StreamViewType": VIEW_TYPE}
        with_retries(
            lambda: _client().update_table(TableName=TABLE_NAME, StreamSpecification=specification)
        )
    return True


def _describe(name: str) -> dict[str, Any]:
    return dict(with_retries(lambda: _client().describe_table(TableName=name))["Table"])


def _client() -> Any:
    return Ticket.connection().connection.client
