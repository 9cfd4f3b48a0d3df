"""Create the DynamoDB table, or check that an existing table matches the definition."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from ..config import TABLE_NAME
from .errors import StorageUnavailable, TableMismatch
from .models import Ticket
from .queries import INDEXES, KEYS
from .retry import retries_per_request, with_retries

T = TypeVar("T")


def _index(name: str) -> dict[str, Any]:
    hash_key, range_key = KEYS[name]
    keys = [
        {"AttributeName": hash_key, "KeyType": "HASH"},
        {"AttributeName": range_key, "KeyType": "RANGE"},
    ]
    projection: Any = INDEXES[name].Meta.projection
    definition = {"ProjectionType": projection.projection_type}
    if projection.non_key_attributes:
        definition["NonKeyAttributes"] = projection.non_key_attributes
    return {"IndexName": name, "KeySchema": keys, "Projection": definition}


DEFINITION: dict[str, Any] = {
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"}
        for name in ("ticket_id", "caller_id", "created_at", "status", "queue", "queue_position")
    ],
    "KeySchema": [{"AttributeName": "ticket_id", "KeyType": "HASH"}],
    "GlobalSecondaryIndexes": [_index(name) for name in INDEXES],
    "BillingMode": "PAY_PER_REQUEST",
}

# AWS needs some seconds to prepare the backups of a new table. During this time, AWS rejects the
# request for point-in-time recovery.
RECOVERY_ATTEMPTS = 60
RECOVERY_WAIT_SECONDS = 1
# The indexes that tables of earlier releases do not have.
LATER_INDEXES = ("StatusIndex", "StatusQueueIndex", "QueueIndex")
# DynamoDB copies the tickets of the table into a new index. For a large table, this takes minutes.
INDEX_WAIT_SECONDS = 1


def create() -> bool:
    """Create the table and its indexes, and wait until they are active.

    An existing table keeps its items. If `StatusIndex` is missing, the index is added. For the
    other indexes that earlier releases did not have, see `missing_indexes`.

    Returns:
        True if the table is new, False if it existed.

    Raises:
        TableMismatch: The table exists, but its key, indexes or billing mode differ.
        StorageUnavailable: DynamoDB rejected a request or cannot be reached.
    """
    is_new = not _exists()
    if is_new:
        _create()
    _send(_await_active)
    found = _describe()
    differences, missing = _differences(found), _missing_indexes(found)
    if differences.keys() - {_part(name) for name in missing}:
        raise TableMismatch("; ".join(differences.values()))
    if "StatusIndex" in missing:
        add_index("StatusIndex")
    _await_active_indexes(found)
    return is_new


def missing_indexes() -> list[str]:
    """Return the names of the indexes that the table does not have yet.

    Before such an index is added, every ticket that belongs into it needs the index's keys: see
    `tickets.places.correct_active_tickets`.
    """
    return _missing_indexes(_describe())


def add_index(name: str) -> None:
    """Add an index that tables of earlier releases do not have, and wait until it is active.

    DynamoDB adds one index at a time.
    """
    found = _describe()
    names = {each["AttributeName"] for each in found["AttributeDefinitions"]} | {*KEYS[name]}
    change = {
        "AttributeDefinitions": [
            each for each in DEFINITION["AttributeDefinitions"] if each["AttributeName"] in names
        ],
        "GlobalSecondaryIndexUpdates": [{"Create": _index(name)}],
    }
    try:
        _send(lambda: _client().update_table(TableName=TABLE_NAME, **change))
    except StorageUnavailable:
        # The response to the first attempt was lost, or another process added the index.
        if _part(name) not in _shape(_describe()):
            raise
    _await_active_indexes(_describe())


def turn_on_recovery() -> None:
    """Enable point-in-time recovery. Raise `StorageUnavailable` if DynamoDB rejects it."""
    attempt = 1
    while True:
        try:
            _send(_turn_on_recovery)
            return
        except StorageUnavailable as error:
            is_preparing = error.cause == "ContinuousBackupsUnavailableException"
            if not is_preparing or attempt == RECOVERY_ATTEMPTS:
                raise
        time.sleep(RECOVERY_WAIT_SECONDS)
        attempt += 1


def turn_on_expiry() -> None:
    """Make DynamoDB delete expired tickets. Raise `StorageUnavailable` if DynamoDB rejects it."""
    _send(_turn_on_expiry)


def _send(request: Callable[[], T]) -> T:
    with retries_per_request():
        return with_retries(request)


def _client() -> Any:
    return Ticket.connection().connection.client


def _describe() -> dict[str, Any]:
    response = _send(lambda: _client().describe_table(TableName=TABLE_NAME))
    return dict(response["Table"])


def _exists() -> bool:
    try:
        _describe()
    except StorageUnavailable as error:
        if error.cause == "ResourceNotFoundException":
            return False
        raise
    return True


def _create() -> None:
    tags = [{"Key": "application", "Value": "itsm-app"}]
    definition = {**DEFINITION, "DeletionProtectionEnabled": True, "Tags": tags}
    try:
        _send(lambda: _client().create_table(TableName=TABLE_NAME, **definition))
    except StorageUnavailable as error:
        # The response to the first attempt was lost, or another process created the table.
        if error.cause != "ResourceInUseException":
            raise


def _await_active_indexes(found: dict[str, Any]) -> None:
    while any(each["IndexStatus"] != "ACTIVE" for each in found["GlobalSecondaryIndexes"]):
        time.sleep(INDEX_WAIT_SECONDS)
        found = _describe()


def _missing_indexes(found: dict[str, Any]) -> list[str]:
    shape = _shape(found)
    return [name for name in LATER_INDEXES if _part(name) not in shape]


def _part(index_name: str) -> str:
    """Return the name of an index in the dict that `_shape` returns."""
    return f"the index {index_name}"


def _turn_on_recovery() -> None:
    _client().update_continuous_backups(
        TableName=TABLE_NAME,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )


def _turn_on_expiry() -> None:
    found = _client().describe_time_to_live(TableName=TABLE_NAME)["TimeToLiveDescription"]
    # If expiry is already enabled, DynamoDB rejects a request to enable it.
    if found["TimeToLiveStatus"] not in ("ENABLING", "ENABLED"):
        _client().update_time_to_live(
            TableName=TABLE_NAME,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
        )


def _await_active() -> None:
    _client().get_waiter("table_exists").wait(TableName=TABLE_NAME, WaiterConfig={"Delay": 1})


def _differences(found: dict[str, Any]) -> dict[str, str]:
    shape = _shape(found)
    return {
        part: f"{part} must be {needed}, but it is {shape.get(part, 'missing')}"
        for part, needed in _shape(DEFINITION).items()
        if shape.get(part) != needed
    }


def _shape(table: dict[str, Any]) -> dict[str, str]:
    """Return a description of each part of a table: the key, the billing mode and each index.

    The keys of the dict are the names of the parts, such as `the key`.

    Args:
        table: `DEFINITION`, or the description of a table from DynamoDB.
    """
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}

    def keys(owner: dict[str, Any]) -> str:
        names = [(key["AttributeName"], key["KeyType"]) for key in owner["KeySchema"]]
        return " and ".join(f"{name} ({kind}, {types[name]})" for name, kind in names)

    billing = table.get("BillingMode") or table.get("BillingModeSummary", {}).get("BillingMode")
    shape = {"the key": keys(table), "the billing mode": billing or "PROVISIONED"}
    for index in table.get("GlobalSecondaryIndexes", []):
        projection = index["Projection"]
        attributes = ", ".join(sorted(projection.get("NonKeyAttributes", ())))
        projected = f"{projection['ProjectionType']} {attributes}".strip()
        shape[_part(index["IndexName"])] = f"{keys(index)} with projection {projected}"
    return shape
