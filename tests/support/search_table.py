"""The index table and the stream of a stage with search."""

from __future__ import annotations

import re

from .aws import Aws
from .deployment import DEPLOY_DOCS, TABLE

SEARCH_TABLE = "poc-itsm-search"


def documented_command(name: str) -> str:
    """Return the command `flask {name}` for the search index in docs/deploy.md."""
    (command,) = {*re.findall(rf"`(LOCAL_DYNAMODB= SEARCH_TABLE=\S+ flask {name})`", DEPLOY_DOCS)}
    return str(command)


def turn_off_stream(aws: Aws) -> None:
    """Turn off the stream of the ticket table."""
    stream = {"StreamEnabled": False}
    aws.client("dynamodb").update_table(TableName=TABLE, StreamSpecification=stream)


def delete_index(aws: Aws) -> None:
    """Delete the index table."""
    aws.client("dynamodb").delete_table(TableName=SEARCH_TABLE)
