"""Making the DynamoDB table, and comparing one that is there with what the app needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from .config import TABLE_NAME
from .exceptions import StorageUnavailable, TableMismatch
from .models import Ticket
from .retry import retries, with_retries

T = TypeVar("T")

DEFINITION: dict[str, Any] = {
    "AttributeDefinitions": [
        {"AttributeName": "ticket_id", "AttributeType": "S"},
        {"AttributeName": "caller_id", "AttributeType": "S"},
        {"AttributeName": "created_at", "AttributeType": "S"},
    ],
    "KeySchema": [{"AttributeName": "ticket_id", "KeyType": "HASH"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "CallerIdIndex",
            "KeySchema": [
                {"AttributeName": "caller_id", "KeyType": "HASH"},
                {"AttributeName": "created_at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}

# A new table's backups cannot be switched on before AWS has prepared them.
RECOVERY_ATTEMPTS = 60
RECOVERY_WAIT_SECONDS = 1


def create() -> bool:
    """Make the table and its index, wait until they are active, and return True.

    Does nothing and returns False when they are there. Raises `TableMismatch` when the table is of
    another shape, and `StorageUnavailable` when DynamoDB refuses or cannot be reached.
    """
    made = not _exists()
    if made:
        _create()
    _ask(_await_active)
    differences = _differences(_describe())
    if differences:
        raise TableMismatch("; ".join(differences))
    return made


def turn_on_recovery() -> None:
    """Turn on point-in-time recovery. Raises `StorageUnavailable`."""
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


def _ask(request: Callable[[], T]) -> T:
    # Nobody is on the phone: each request has its own retries.
    retries.set(0)
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
        # The answer to our first attempt was lost, or somebody else was faster.
        if error.cause != "ResourceInUseException":
            raise


def _turn_on_recovery() -> None:
    _client().update_continuous_backups(
        TableName=TABLE_NAME,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )


def _await_active() -> None:
    _client().get_waiter("table_exists").wait(TableName=TABLE_NAME, WaiterConfig={"Delay": 1})


def _differences(found: dict[str, Any]) -> list[str]:
    shape = _shape(found)
    return [
        f"{part} is {shape.get(part, 'missing')} where {wanted} is needed"
        for part, wanted in _shape(DEFINITION).items()
        if shape.get(part) != wanted
    ]


def _shape(table: dict[str, Any]) -> dict[str, str]:
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}

    def keys(owner: dict[str, Any]) -> str:
        names = [(key["AttributeName"], key["KeyType"]) for key in owner["KeySchema"]]
        return " and ".join(f"{name} ({kind}, {types[name]})" for name, kind in names)

    billing = table.get("BillingMode") or table.get("BillingModeSummary", {}).get("BillingMode")
    shape = {"the key": keys(table), "the billing mode": billing or "PROVISIONED"}
    for index in table.get("GlobalSecondaryIndexes", []):
        projected = index["Projection"]["ProjectionType"]
        shape[f"the index {index['IndexName']}"] = f"{keys(index)}, projecting {projected}"
    return shape
