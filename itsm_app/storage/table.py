"""Create the DynamoDB table, or check that an existing one has the right shape."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from ..config import TABLE_NAME
from .errors import StorageUnavailable, TableMismatch
from .models import CallerIdIndex, StatusIndex, Ticket
from .retry import retries_per_request, with_retries

T = TypeVar("T")


def _index(index: Any, key: str) -> dict[str, Any]:
    keys = [
        {"AttributeName": key, "KeyType": "HASH"},
        {"AttributeName": "created_at", "KeyType": "RANGE"},
    ]
    shown = index.Meta.projection
    projection = {"ProjectionType": shown.projection_type}
    if shown.non_key_attributes:
        projection["NonKeyAttributes"] = shown.non_key_attributes
    return {"IndexName": index.Meta.index_name, "KeySchema": keys, "Projection": projection}


CALLER_ID_INDEX = _index(CallerIdIndex, "caller_id")
STATUS_INDEX = _index(StatusIndex, "status")
DEFINITION: dict[str, Any] = {
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"}
        for name in ("ticket_id", "caller_id", "created_at", "status")
    ],
    "KeySchema": [{"AttributeName": "ticket_id", "KeyType": "HASH"}],
    "GlobalSecondaryIndexes": [CALLER_ID_INDEX, STATUS_INDEX],
    "BillingMode": "PAY_PER_REQUEST",
}

# AWS prepares the backups of a new table for some seconds. Until then it rejects the request.
RECOVERY_ATTEMPTS = 60
RECOVERY_WAIT_SECONDS = 1
# The name of the index in `_shape`.
QUEUE = f"the index {STATUS_INDEX['IndexName']}"
# DynamoDB fills a new index from the table. That takes minutes for a large table.
INDEX_WAIT_SECONDS = 1


def create() -> bool:
    """Create the table and its indexes, and wait until they are active.

    An existing table keeps its items. It gets `StatusIndex` if that index is missing.

    Returns:
        True if the table is new, False if it existed.

    Raises:
        TableMismatch: The table exists with another shape.
        StorageUnavailable: DynamoDB rejected a request or cannot be reached.
    """
    is_new = not _exists()
    if is_new:
        _create()
    _ask(_await_active)
    found = _describe()
    differences = _differences(found)
    if [*differences] == [QUEUE] and QUEUE not in _shape(found):
        _add_status_index()
    elif differences:
        raise TableMismatch("; ".join(differences.values()))
    while not _has_active_indexes(found):
        time.sleep(INDEX_WAIT_SECONDS)
        found = _describe()
    return is_new


def turn_on_recovery() -> None:
    """Enable point-in-time recovery. Raise `StorageUnavailable` if DynamoDB rejects it."""
    attempt = 1
    while True:
        try:
            _ask(_turn_on_recovery)
            return
        except StorageUnavailable as error:
            unready = error.cause == "ContinuousBackupsUnavailableException"
            if not unready or attempt == RECOVERY_ATTEMPTS:
                raise
        time.sleep(RECOVERY_WAIT_SECONDS)
        attempt += 1


def turn_on_expiry() -> None:
    """Make DynamoDB delete expired tickets. Raise `StorageUnavailable` if DynamoDB rejects it."""
    _ask(_turn_on_expiry)


def _ask(request: Callable[[], T]) -> T:
    with retries_per_request():
        return with_retries(request)


def _client() -> Any:
    return Ticket.connection().connection.client


def _describe() -> dict[str, Any]:
    answer = _ask(lambda: _client().describe_table(TableName=TABLE_NAME))
    return dict(answer["Table"])


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
    shape = {**DEFINITION, "DeletionProtectionEnabled": True, "Tags": tags}
    try:
        _ask(lambda: _client().create_table(TableName=TABLE_NAME, **shape))
    except StorageUnavailable as error:
        # The response to the first attempt was lost, or another process created the table.
        if error.cause != "ResourceInUseException":
            raise


def _add_status_index() -> None:
    """Add the index that tables from the first releases do not have."""
    change = {
        "AttributeDefinitions": DEFINITION["AttributeDefinitions"],
        "GlobalSecondaryIndexUpdates": [{"Create": STATUS_INDEX}],
    }
    try:
        _ask(lambda: _client().update_table(TableName=TABLE_NAME, **change))
    except StorageUnavailable:
        # The response to the first attempt was lost, or another process added the index.
        if QUEUE not in _shape(_describe()):
            raise


def _has_active_indexes(found: dict[str, Any]) -> bool:
    states = {each["IndexName"]: each["IndexStatus"] for each in found["GlobalSecondaryIndexes"]}
    names = (CALLER_ID_INDEX["IndexName"], STATUS_INDEX["IndexName"])
    return all(states.get(name) == "ACTIVE" for name in names)


def _turn_on_recovery() -> None:
    _client().update_continuous_backups(
        TableName=TABLE_NAME,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )


def _turn_on_expiry() -> None:
    found = _client().describe_time_to_live(TableName=TABLE_NAME)["TimeToLiveDescription"]
    # Enabling it twice is an error.
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
        part: f"{part} is {shape.get(part, 'missing')} where {wanted} is needed"
        for part, wanted in _shape(DEFINITION).items()
        if shape.get(part) != wanted
    }


def _shape(table: dict[str, Any]) -> dict[str, str]:
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}

    def keys(owner: dict[str, Any]) -> str:
        names = [(key["AttributeName"], key["KeyType"]) for key in owner["KeySchema"]]
        return " and ".join(f"{name} ({kind}, {types[name]})" for name, kind in names)

    billing = table.get("BillingMode") or table.get("BillingModeSummary", {}).get("BillingMode")
    shape = {"the key": keys(table), "the billing mode": billing or "PROVISIONED"}
    for index in table.get("GlobalSecondaryIndexes", []):
        projection = index["Projection"]
        shown = ", ".join(sorted(projection.get("NonKeyAttributes", ())))
        projected = f"{projection['ProjectionType']} {shown}".strip()
        shape[f"the index {index['IndexName']}"] = f"{keys(index)}, projecting {projected}"
    return shape
