"""Import the tickets of release 0.1, whose embedded DynamoDB stored its tables in one JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct

from ..config import TABLE_NAME
from ..storage import items
from ..storage.retry import retries_per_request

FILE = "dynamodb.json"


class _Table(Struct):
    TableName: str
    # Partition key, sort key, item.
    items: dict[str, dict[str, dict[str, Any]]]


class _Tables(Struct):
    data: dict[str, _Table]


class _Payload(Struct):
    tables: _Tables


class _State(Struct):
    payload: _Payload


@retries_per_request()
def import_previous_state(folder: Path) -> None:
    """Import the file of release 0.1 in a folder, if there is one, and rename the file.

    An import that was interrupted is continued at the next start. A damaged file is renamed and
    not imported.
    """
    file = folder / FILE
    if not file.exists():
        return
    try:
        state = msgspec.json.decode(file.read_bytes(), type=_State)
    except (ValueError, RecursionError):
        aside = file.rename(folder / f"{FILE}.damaged")
        click.echo(f" * {file} is damaged. It is now {aside}, and was not imported.", err=True)
        return
    count = 0
    for table in state.payload.tables.data.values():
        if table.TableName == TABLE_NAME:
            for by_sort_key in table.items.values():
                count += sum(map(items.put_item_if_missing, by_sort_key.values()))
    done = file.rename(folder / f"{FILE}.imported")
    click.echo(f" * Imported {count} tickets of release 0.1. Their file is now {done}.", err=True)
