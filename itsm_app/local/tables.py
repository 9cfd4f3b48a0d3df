"""Keys, index entries and sizes of items, as DynamoDB defines them.

A table is a description as in the response of DescribeTable. An item is in DynamoDB's JSON: each
value with its type.
"""

from __future__ import annotations

from base64 import b64decode
from decimal import Decimal
from typing import Any

import msgspec

from .errors import invalid

Item = dict[str, Any]
Description = dict[str, Any]

# "Service, account, and table quotas" in the DynamoDB Developer Guide.
MAX_ITEM_BYTES = 400 * 1024
MAX_KEY_BYTES = {"HASH": 2048, "RANGE": 1024}
# The largest number that an SQLite column holds.
MAX_SECONDS = 2**63 - 1


def key_names(owner: Description) -> list[str]:
    """Return the names of the hash key and, if there is one, the range key."""
    names = {each["KeyType"]: each["AttributeName"] for each in owner["KeySchema"]}
    return [names[kind] for kind in MAX_KEY_BYTES if kind in names]


def key(owner: Description, item: Item) -> tuple[str, str]:
    """Return the hash and the range value of an item. The range is empty without a range key.

    Raises:
        EngineError: A key is missing, not a string, empty or too long.
    """
    values = [""] * 2
    for place, (name, max_bytes) in enumerate(
        zip(key_names(owner), MAX_KEY_BYTES.values(), strict=False)
    ):
        values[place] = item.get(name, {}).get("S", "")
        if not 0 < len(values[place].encode()) <= max_bytes:
            raise invalid(f"The key {name} is missing or invalid")
    return values[0], values[1]


def index(table: Description, name: str) -> Description:
    """Return the description of an index."""
    for each in table.get("GlobalSecondaryIndexes", []):
        if each["IndexName"] == name:
            found: Description = each
            return found
    raise invalid("The table does not have the specified index")


def index_entries(table: Description, item: Item | None) -> dict[tuple[str, ...], str | None]:
    """Return the entries of an item in the indexes.

    Returns:
        By the name of the index and the key of the item there: the projected attributes, encoded,
        or None if the index projects all attributes.
    """
    entries: dict[tuple[str, ...], str | None] = {}
    for each in table.get("GlobalSecondaryIndexes", []):
        # An item without the index's keys is not in the index.
        if item and item.keys() >= {*key_names(each)}:
            projection = each["Projection"]
            encoded = None
            if projection["ProjectionType"] != "ALL":
                names = [*key_names(table), *key_names(each)]
                names += projection.get("NonKeyAttributes", [])
                encoded = encode({name: item[name] for name in names if name in item})
            entries[(each["IndexName"], *key(each, item))] = encoded
    return entries


def expires_at(table: Description, item: Item) -> int | None:
    """Return when an item expires, in seconds since 1970. None means never."""
    number = item.get(table["TimeToLive"] or "", {}).get("N")
    return None if number is None else max(0, min(int(Decimal(number)), MAX_SECONDS))


def encode(item: Item) -> str:
    """Return an item as text.

    Raises:
        EngineError: The item is larger than DynamoDB allows, or has an empty set.
        UnicodeEncodeError: The item contains half of a surrogate pair.
    """
    text = msgspec.json.encode(item)
    # No item is larger in DynamoDB than as text: the name of a type takes more than its length.
    if len(text) > MAX_ITEM_BYTES and size(item) > MAX_ITEM_BYTES:
        raise invalid("Item size has exceeded the maximum allowed size")
    # A quote within a text is escaped, so only an empty set has this form.
    if b'S":[]' in text:
        raise invalid("One or more parameter values were invalid: A set may not be empty")
    return text.decode()


def decode(text: str) -> Item:
    """Return the item of a text."""
    item: Item = msgspec.json.decode(text)
    return item


def to_response(text: str) -> Item:
    """Return the item of a text as botocore returns it, with binary values as bytes."""
    item = decode(text)
    # Tickets have no binary values, but an imported item can have some.
    if '"B":' in text or '"BS":' in text:
        item = {name: _decode_binary(value) for name, value in item.items()}
    return item


def _decode_binary(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {kind: b64decode(content)}
        case "BS":
            return {kind: [*map(b64decode, content)]}
        case "L":
            return {kind: [*map(_decode_binary, content)]}
        case "M":
            return {kind: {name: _decode_binary(each) for name, each in content.items()}}
    return value


def size(item: Item) -> int:
    """Return the size of an item: "DynamoDB item sizes and formats" in the Developer Guide."""
    return sum(len(name.encode()) + _bytes(value) for name, value in item.items())


def _bytes(value: dict[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return 1 + (len(content) + 1) // 2
        case "B":
            return len(b64decode(content))
        case "SS" | "NS" | "BS":
            return sum(_bytes({kind[0]: each}) for each in content)
        case "L":
            return 3 + sum(1 + _bytes(each) for each in content)
        case "M":
            return 3 + len(content) + size(content)
    # A boolean, or null.
    return 1
