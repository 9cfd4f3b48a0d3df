"""The index table and the stream of a stage with search."""

from __future__ import annotations

from .aws import Aws
from .deployment import TABLE

SEARCH_TABLE = "poc-itsm-search"


def create_index(aws: Aws) -> None:
    """Create the index table."""
    keys = {"partition": "HASH", "position": "RANGE"}
    aws.client("dynamodb").create_table(
        TableName=SEARCH_TABLE,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        BillingMode="PAY_PER_REQUEST",
    )


def turn_on_stream(aws: Aws) -> str:
    """Turn on the stream of the ticket table. Return its ARN."""
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    client = aws.client("dynamodb")
    table = client.update_table(TableName=TABLE, StreamSpecification=stream)["TableDescription"]
    return str(table["LatestStreamArn"])


def turn_off_stream(aws: Aws) -> None:
    """Turn off the stream of the ticket table."""
    stream = {"StreamEnabled": False}
    aws.client("dynamodb").update_table(TableName=TABLE, StreamSpecification=stream)


def delete_index(aws: Aws) -> None:
    """Delete the index table."""
    aws.client("dynamodb").delete_table(TableName=SEARCH_TABLE)
