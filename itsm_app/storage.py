"""The requests to DynamoDB, each with its condition, retried by the one policy.

All of them raise `StorageUnavailable` when DynamoDB cannot be asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from . import sizes
from .exceptions import StorageUnavailable
from .models import Ticket
from .retry import with_retries
from .updates import Update

# "Service, account, and table quotas" in the DynamoDB Developer Guide: partition key length.
MAX_KEY_BYTES = 2048


def put_new(ticket: Ticket) -> bool:
    """Store a ticket, and return False if there is one with its id."""
    ticket.content_bytes, ticket.revision = sizes.of_ticket(ticket), 1
    condition = "attribute_not_exists(ticket_id)"
    return _try("put_item", Item=ticket.serialize(), ConditionExpression=condition) is not None


def find(ticket_id: str, caller_id: str | None = None) -> Ticket | None:
    """Return the ticket as it is now, if it is the caller's or they are not given."""
    if not _can_be_key(ticket_id):
        return None
    key = {"ticket_id": {"S": ticket_id}}
    item = _ask("get_item", Key=key, ConsistentRead=True).get("Item")
    # Before it is read: another's ticket should take no longer than none.
    if item is None or (caller_id is not None and item["caller_id"] != {"S": caller_id}):
        return None
    return Ticket.from_raw_data(item)


def write(update: Update) -> bool:
    """Write on a ticket, and return False if there is none or a condition does not hold."""
    return _can_be_key(update.ticket_id) and _try("update_item", **update.request()) is not None


def write_and_return(update: Update) -> Ticket | None:
    """Write on a ticket that was found; return it as it is then, or None as `write` False."""
    answer = _try("update_item", ReturnValues="ALL_NEW", **update.request())
    return Ticket.from_raw_data(answer["Attributes"]) if answer else None


def query(
    index: str, key: str, value: str, start_key: dict[str, Any] | None, limit: int, newest: bool
) -> Iterator[Ticket]:
    """Return what has this value of an index's key, by time, read as it is taken.

    From `start_key` on, `limit` at a time. One answer of DynamoDB's ends at 1 MB; the next goes on
    from there.
    """
    request: dict[str, Any] = {
        "IndexName": index,
        "KeyConditionExpression": "#key = :value",
        "ExpressionAttributeNames": {"#key": key},
        "ExpressionAttributeValues": {":value": {"S": value}},
        "ScanIndexForward": not newest,
        "Limit": limit,
    }
    while True:
        start = {"ExclusiveStartKey": start_key} if start_key else {}
        answer = _ask("query", **request, **start)
        yield from map(Ticket.from_raw_data, answer["Items"])
        start_key = answer.get("LastEvaluatedKey")
        if start_key is None:
            return


def _try(operation: str, **request: Any) -> dict[str, Any] | None:
    try:
        return _ask(operation, **request)
    except ClientError:
        # Only a failed condition comes through `with_retries` as it is.
        return None


def _ask(operation: str, **request: Any) -> dict[str, Any]:
    # Not by PynamoDB's methods, which put their expressions together anew for each request, ask for
    # the capacity that it takes, and tell listeners of it: a tenth of its CPU.
    ask = getattr(Ticket.connection().connection.client, operation)
    request["TableName"] = Ticket.Meta.table_name
    return with_retries(lambda: _confirm(ask(**request)))


def _can_be_key(ticket_id: str) -> bool:
    return len(ticket_id.encode()) <= MAX_KEY_BYTES


def _confirm(answer: dict[str, Any]) -> dict[str, Any]:
    # Something else than DynamoDB at its address may say 200 too, and has stored nothing.
    if "RequestId" not in answer["ResponseMetadata"]:
        raise StorageUnavailable("NotDynamoDB", attempts=1)
    return answer
