"""Import stored tickets of any release in the form in which this release stores tickets."""

from __future__ import annotations

from typing import Literal

from ..storage import items, sizes
from ..storage.export_format import to_line
from ..storage.items import Item
from . import callers, places
from .errors import InvalidField

Outcome = Literal["imported", "unchanged", "normalised", "different"]


def import_item(item: Item) -> Outcome:
    """Store a ticket in its present form if the table has no ticket with its id.

    Returns:
        `imported` if the table had no ticket with this id. `unchanged` if it has an equal ticket.
        `normalised` if it had an equal ticket in an earlier form, which now has the present form.
        `different` otherwise.

    Raises:
        StorageUnavailable: DynamoDB failed. It is unknown whether the ticket was stored.
    """
    wanted = present_form(item)
    if items.put_item_if_missing(wanted):
        return "imported"
    line = to_line(wanted)
    outcome: Outcome = "unchanged"
    while found := items.read_item(item["ticket_id"]["S"]):
        if to_line(found) == line:
            return outcome
        if to_line(present_form(found)) != line:
            break
        # Read the ticket again: the response to a write that succeeded can be lost.
        outcome = "normalised"
        items.replace_item(found, wanted)
    return "different"


def present_form(item: Item) -> Item:
    """Return an item as this release stores it: with the stored form of its caller, and a place.

    A caller id that this release rejects stays as it is.
    """
    return places.with_place(_with_stored_caller(item))


def _with_stored_caller(item: Item) -> Item:
    # A file of release 0.1 can have items of another app.
    caller_id = item.get("caller_id", {}).get("S", "")
    normal = _normal(caller_id)
    # An erased ticket has no caller.
    if normal is None or "erased_at" in item:
        return item
    stored = callers.to_stored(normal)
    if stored == caller_id:
        return item
    changed = {**item, "caller_id": {"S": stored}}
    if "content_bytes" in item:
        added = sizes.of_text(stored) - sizes.of_text(caller_id)
        changed["content_bytes"] = {"N": str(int(item["content_bytes"]["N"]) + added)}
    return changed


def is_unreachable(item: Item) -> bool:
    """Return whether no request that names a caller can find this ticket."""
    # Items that are no tickets have no caller.
    has_caller = "caller_id" in item and "erased_at" not in item
    return has_caller and _normal(item["caller_id"]["S"]) is None


def _normal(caller_id: str) -> str | None:
    try:
        return callers.normalise(caller_id, "caller_id")
    except InvalidField:
        return None
