"""The requests to DynamoDB for many tickets, an answer of at most 1 MB after another.

All of them raise `StorageUnavailable` when DynamoDB cannot be asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..tickets import retention
from . import items
from .items import Item
from .models import CallerIdIndex, StatusIndex, Ticket

# How many tickets are read at a time when those asked for at first are not enough.
MORE = 100


def query(
    index: str, key: str, value: str, start_key: dict[str, Any] | None, limit: int, newest: bool
) -> Iterator[Ticket]:
    """Return what has this value of an index's key, by time, read as it is taken.

    From `start_key` on, past its time or not: `limit` at first, and if that is not enough, or ends
    at the 1 MB that one answer of DynamoDB's may have, more.
    """
    request: dict[str, Any] = {
        "IndexName": index,
        "KeyConditionExpression": "#key = :value",
        "ExpressionAttributeNames": {"#key": key},
        "ExpressionAttributeValues": {":value": {"S": value}},
        "ScanIndexForward": not newest,
        "Limit": limit,
    }
    if start_key:
        request["ExclusiveStartKey"] = start_key
    for page in _pages("query", request):
        yield from map(Ticket.from_raw_data, page)


def stored_items(caller_id: str | None, since: str | None) -> Iterator[Item]:
    """Return what is not past its time, as it is stored and as it is taken.

    Of a caller only, whose index is a moment behind the table, or of all; changed since a time, or
    ever.
    """
    conditions, values = [retention.KEPT], {":clock": retention.clock()}
    if since is not None:
        conditions.append("(updated_at >= :since OR erased_at >= :since)")
        values[":since"] = {"S": since}
    request: dict[str, Any] = {
        "FilterExpression": " AND ".join(conditions),
        "ExpressionAttributeValues": values,
    }
    operation = "scan" if caller_id is None else "query"
    if caller_id is None:
        request["ConsistentRead"] = True
    else:
        request["IndexName"] = CallerIdIndex.Meta.index_name
        request["KeyConditionExpression"] = "caller_id = :caller_id"
        values[":caller_id"] = {"S": caller_id}
    for page in _pages(operation, request):
        yield from page


def times(status: str, since: str) -> Iterator[list[Item]]:
    """Return when the tickets of a status were filed, answered and resolved, newest first.

    Those that were filed since a time, one list an answer, which is asked for as it is taken.
    """
    request = {
        "IndexName": StatusIndex.Meta.index_name,
        "KeyConditionExpression": "#status = :status AND created_at >= :since",
        "FilterExpression": retention.KEPT,
        "ProjectionExpression": "created_at, answered_at, resolved_at",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {
            ":status": {"S": status},
            ":since": {"S": since},
            ":clock": retention.clock(),
        },
        "ScanIndexForward": False,
    }
    return _pages("query", request)


def _pages(operation: str, request: dict[str, Any]) -> Iterator[list[Item]]:
    while True:
        answer = items.ask(operation, **request)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        if "Limit" in request:
            request["Limit"] = max(request["Limit"], MORE)
