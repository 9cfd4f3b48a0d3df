"""Read and write one ticket.

Every function that sends a request raises `StorageUnavailable` if DynamoDB fails.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from . import expiry, sizes, timestamps
from .errors import ConditionFailed
from .models import Ticket
from .retry import retries_per_request, with_retries
from .updates import Update

# A ticket as DynamoDB stores it: each value with its type.
Item = dict[str, dict[str, Any]]

# The keys of the items that are no tickets, see the modules `canned_answers` and `notice`.
CANNED_ANSWERS_KEY = "canned-answers"
NOTICE_KEY = "notice"
NON_TICKET_KEYS = frozenset({CANNED_ANSWERS_KEY, NOTICE_KEY})
# "Service, account, and table quotas" in the DynamoDB Developer Guide: partition key length.
MAX_KEY_BYTES = 2048


def put_new(ticket: Ticket) -> bool:
    """Store a new ticket. Return False if an unexpired ticket has the same id."""
    ticket.content_bytes, ticket.revision = sizes.of_ticket(ticket), 1
    return _put_item(
        Item=ticket.to_item(),
        ConditionExpression="attribute_not_exists(ticket_id) OR expires_at <= :now",
        ExpressionAttributeValues={":now": {"N": str(expiry.clock())}},
    )


def find(ticket_id: str, caller_ids: Collection[str] | None = None) -> Ticket | None:
    """Return a ticket, unless it is expired or belongs to none of `caller_ids`."""
    item = _read_ticket_item(ticket_id)
    # Check the caller before parsing the item. Otherwise, the time or an error of the parsing could
    # reveal that a ticket of another caller exists.
    if item is None or (caller_ids is not None and _caller_of(item) not in caller_ids):
        return None
    ticket = Ticket.from_raw_data(item)
    return None if ticket.is_expired else ticket


def read(ticket_id: str) -> Ticket | None:
    """Return a ticket as it is stored now, expired or not."""
    item = _read_ticket_item(ticket_id)
    return Ticket.from_raw_data(item) if item else None


def read_item(ticket_id: str) -> Item | None:
    """Return an item as DynamoDB stores it now, expired or not. The item can be no ticket.

    The item also has the attributes that the model does not know.
    """
    connection = Ticket.connection()
    response = with_retries(lambda: connection.get_item(ticket_id, consistent_read=True))
    item: Item | None = response.get("Item")
    return item


def find_many(ticket_ids: Collection[str]) -> dict[str, Ticket]:
    """Return the unexpired ones of some tickets, by id. One request reads 100 tickets."""
    found = with_retries(lambda: [*Ticket.batch_get(ticket_ids, consistent_read=True)])
    return {each.ticket_id: each for each in found if not each.is_expired}


def put_item_if_missing(item: Item) -> bool:
    """Store an item unchanged.

    Return False if the table has an item with this id, expired or not.
    """
    return _put_item(Item=item, ConditionExpression="attribute_not_exists(ticket_id)")


def replace_item(found: Item, item: Item) -> bool:
    """Store an item in place of `found`. Return False if `found` was changed since it was read."""
    names = [each for each in ("updated_at", "caller_id", "revision") if each in found]
    return _put_item(
        Item=item,
        ConditionExpression="updated_at = :updated_at AND caller_id = :caller_id AND "
        + ("revision = :revision" if "revision" in found else "attribute_not_exists(revision)"),
        ExpressionAttributeValues={f":{name}": found[name] for name in names},
    )


def put_revision(key: str, content: Item, seen_revision: int) -> bool:
    """Store the next revision of an item that is no ticket.

    Return False if the stored item has another revision. `seen_revision` is 0 for a new item.
    """
    item: Item = {
        "ticket_id": {"S": key},
        **content,
        "revision": {"N": str(seen_revision + 1)},
        "updated_at": {"S": timestamps.now()},
    }
    if not seen_revision:
        return put_item_if_missing(item)
    return _put_item(
        Item=item,
        ConditionExpression="revision = :seen",
        ExpressionAttributeValues={":seen": {"N": str(seen_revision)}},
    )


def write(update: Update) -> bool:
    """Apply an update. Return False if the ticket does not exist or a condition is false."""
    return _can_be_ticket(update.ticket_id) and _update(update) is not None


def write_and_return(update: Update) -> Ticket | None:
    """Apply an update and return the new state.

    Return None if the ticket does not exist or a condition is false.
    """
    response = _update(update, ReturnValues="ALL_NEW")
    return Ticket.from_raw_data(response["Attributes"]) if response else None


def store_place(found: Ticket, queue: str | None, queue_position: str) -> bool:
    """Store the queue and the position. Return False if `found` was changed since it was read."""
    actions: list[Action] = [
        Ticket.queue.set(queue) if queue else Ticket.queue.remove(),
        Ticket.queue_position.set(queue_position),
    ]
    return _write(lambda: found.update(actions, _is_unchanged(found))) is not None


def touch(ticket_id: str, rebuild: str) -> bool:
    """Store on a ticket which rebuild of the search index has reached it.

    Return False if there is no such ticket. Neither the version nor anything that clients see
    changes.
    """
    client = Ticket.connection().connection.client
    request = {
        "TableName": Ticket.Meta.table_name,
        "Key": {"ticket_id": {"S": ticket_id}},
        "UpdateExpression": "SET search_rebuild = :rebuild",
        "ConditionExpression": "attribute_exists(ticket_id)",
        "ExpressionAttributeValues": {":rebuild": {"S": rebuild}},
    }
    with retries_per_request():
        return _write(lambda: client.update_item(**request)) is not None


def store_told(found: Ticket, told_until: str, told_before: str | None, contact_id: str) -> bool:
    """Store what a caller was told of the desk's answers.

    Return False if another call has told more, or if the caller's data was erased. Neither the
    version nor anything that clients see changes.
    """
    client = Ticket.connection().connection.client
    values = {":until": told_until, ":contact": contact_id}
    changes = "SET told_until = :until, told_contact_id = :contact"
    if told_before is None:
        removal = " REMOVE told_before"
    else:
        changes, removal = f"{changes}, told_before = :before", ""
        values[":before"] = told_before
    is_unchanged = "attribute_not_exists(told_until)"
    if found.told_until is not None:
        is_unchanged = "told_until = :found"
        values[":found"] = found.told_until
    request = {
        "TableName": Ticket.Meta.table_name,
        "Key": {"ticket_id": {"S": found.ticket_id}},
        "UpdateExpression": changes + removal,
        "ConditionExpression": "attribute_exists(ticket_id) AND attribute_not_exists(erased_at)"
        f" AND {is_unchanged}",
        "ExpressionAttributeValues": {name: {"S": text} for name, text in values.items()},
    }
    return _write(lambda: client.update_item(**request)) is not None


def add_child(ticket_id: str, number: str, max_children: int) -> bool:
    """Store on a ticket the number of a ticket that belongs to it.

    Return False if the ticket does not exist or already has `max_children`. Neither the version nor
    anything that callers see changes, so the desk can change the ticket meanwhile.
    """
    client = Ticket.connection().connection.client
    request = {
        "TableName": Ticket.Meta.table_name,
        "Key": {"ticket_id": {"S": ticket_id}},
        "UpdateExpression": "ADD children :children",
        "ConditionExpression": "attribute_exists(ticket_id)"
        " AND (attribute_not_exists(children) OR size(children) < :max)",
        "ExpressionAttributeValues": {
            ":children": {"SS": [number]},
            ":max": {"N": str(max_children)},
        },
    }
    return _write(lambda: client.update_item(**request)) is not None


def replace(found: Ticket, ticket: Ticket) -> bool:
    """Store a ticket in place of `found`. Return False if `found` was changed since it was read."""
    return _write(lambda: ticket.save(_is_unchanged(found))) is not None


def _is_unchanged(found: Ticket) -> Condition:
    is_unchanged: Condition = (
        (Ticket.updated_at == found.updated_at) & Ticket.revision.does_not_exist()
        if found.revision is None
        else Ticket.revision == found.revision
    )
    return is_unchanged


def _put_item(**request: Any) -> bool:
    client = Ticket.connection().connection.client
    table_name = Ticket.Meta.table_name
    return _write(lambda: client.put_item(TableName=table_name, **request)) is not None


def _update(update: Update, **parameters: str) -> dict[str, Any] | None:
    client = Ticket.connection().connection.client
    request = {"TableName": Ticket.Meta.table_name, **parameters, **update.request()}
    return _write(lambda: client.update_item(**request))


def _write(send: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """Send a conditional write. Return the response, or None if the condition is false."""
    try:
        return with_retries(send)
    except ConditionFailed:
        return None


def _caller_of(item: Item) -> Any:
    return item.get("caller_id", {}).get("S")


def _read_ticket_item(ticket_id: str) -> Item | None:
    return read_item(ticket_id) if _can_be_ticket(ticket_id) else None


def _can_be_ticket(ticket_id: str) -> bool:
    return ticket_id not in NON_TICKET_KEYS and len(ticket_id.encode()) <= MAX_KEY_BYTES
