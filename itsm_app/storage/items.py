"""The requests to DynamoDB for one ticket, each with its condition, retried by the one policy.

All of them raise `StorageUnavailable` when DynamoDB cannot be asked.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from ..api.errors import StorageUnavailable
from ..tickets import limits, retention
from .models import Ticket
from .retry import with_retries
from .updates import Update

# A ticket as DynamoDB has it: each value with its type.
Item = dict[str, dict[str, Any]]

# "Service, account, and table quotas" in the DynamoDB Developer Guide: partition key length.
MAX_KEY_BYTES = 2048


def put_new(ticket: Ticket) -> bool:
    """Store a ticket, and return False if there is one with its id that is not past its time."""
    ticket.content_bytes, ticket.revision = limits.of_ticket(ticket), 1
    request = {
        "Item": ticket.serialize(),
        "ConditionExpression": "attribute_not_exists(ticket_id) OR expires_at <= :clock",
        "ExpressionAttributeValues": {":clock": retention.clock()},
    }
    return _try("put_item", **request) is not None


def find(ticket_id: str, caller_id: str | None = None) -> Ticket | None:
    """Return the ticket as it is now, if it is the caller's or they are not given."""
    item = read(ticket_id)
    # Before it is looked at: another's ticket should take no longer than none.
    if item is None or (caller_id is not None and item.get("caller_id") != {"S": caller_id}):
        return None
    ticket = Ticket.from_raw_data(item)
    return None if retention.is_over(ticket) else ticket


def read(ticket_id: str) -> Item | None:
    """Return the ticket as it is stored now, past its time or not."""
    if not _can_be_key(ticket_id):
        return None
    key = {"ticket_id": {"S": ticket_id}}
    found: Item | None = ask("get_item", Key=key, ConsistentRead=True).get("Item")
    return found


def write(update: Update) -> bool:
    """Write on a ticket, and return False if there is none or a condition does not hold."""
    return _can_be_key(update.ticket_id) and _try("update_item", **update.request()) is not None


def write_and_return(update: Update) -> Ticket | None:
    """Write on a ticket that was found; return it as it is then, or None as `write` False."""
    answer = _try("update_item", ReturnValues="ALL_NEW", **update.request())
    return Ticket.from_raw_data(answer["Attributes"]) if answer else None


def put_absent(item: Item) -> bool:
    """Store an item as it is, and return False if there is one with its id."""
    condition = "attribute_not_exists(ticket_id)"
    return _try("put_item", Item=item, ConditionExpression=condition) is not None


def replace(found: Ticket, ticket: Ticket) -> bool:
    """Store a ticket in the place of what was found, and return False if that has changed."""
    request = {
        "Item": ticket.serialize(),
        "ConditionExpression": "updated_at = :updated_at AND attribute_not_exists(revision)",
        "ExpressionAttributeValues": {":updated_at": {"S": found.updated_at}},
    }
    if found.revision is not None:
        request["ConditionExpression"] = "revision = :revision"
        request["ExpressionAttributeValues"] = {":revision": {"N": str(found.revision)}}
    return _try("put_item", **request) is not None


def _try(operation: str, **request: Any) -> dict[str, Any] | None:
    try:
        return ask(operation, **request)
    except ClientError:
        # Only a failed condition comes through `with_retries` as it is.
        return None


def ask(operation: str, **request: Any) -> dict[str, Any]:
    """Return DynamoDB's answer. A failed condition is botocore's `ClientError`.

    `operation` is the client's method.
    """
    # Not by PynamoDB's methods, which put their expressions together anew for each request, ask for
    # the capacity that it takes, and tell listeners of it: a tenth of its CPU.
    method = getattr(Ticket.connection().connection.client, operation)
    request["TableName"] = Ticket.Meta.table_name
    return with_retries(lambda: _confirm(method(**request)))


def _can_be_key(ticket_id: str) -> bool:
    return len(ticket_id.encode()) <= MAX_KEY_BYTES


def _confirm(answer: dict[str, Any]) -> dict[str, Any]:
    # Something else than DynamoDB at its address may say 200 too, and has stored nothing.
    if "RequestId" not in answer["ResponseMetadata"]:
        raise StorageUnavailable("NotDynamoDB", attempts=1)
    return answer
