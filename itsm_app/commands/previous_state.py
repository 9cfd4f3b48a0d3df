"""Import the tickets of release 0.1, whose embedded DynamoDB stored its tables in one JSON file.

Its process saved the file when it ended, and held a lock until then.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from msgspec import Raw, Struct

from .. import config
from ..local.botocore_hook import engine
from ..local.engine import Engine
from ..local.errors import EngineError
from ..storage.errors import INVALID_ITEM, StorageUnavailable
from ..storage.table import DEFINITION
from ..tickets.imports import present_form

FILE = "dynamodb.json"
LOCK = "lock"
# A release that saves 200,000 tickets needs some 10 s.
SAVING_SECONDS = 60
POLL_SECONDS = 0.1


class _Table(Struct):
    TableName: str
    # Partition key, sort key, item.
    items: dict[str, dict[str, Raw]]


class _Tables(Struct):
    data: dict[str, _Table]


class _Payload(Struct):
    tables: _Tables


class _State(Struct):
    payload: _Payload


def import_previous_state(folder: Path) -> None:
    """Import the file of release 0.1 in a folder, if there is one, and rename the file.

    The tickets of a table are imported in one transaction. A ticket that exists already stays as it
    is. A damaged file is renamed and not imported.

    Raises:
        click.ClickException: Release 0.1 is still running in the folder.
        StorageUnavailable: The tickets cannot be stored. The file keeps its name.
        OSError: The file cannot be read or renamed.
    """
    file = folder / FILE
    with _lock(folder):
        if not file.exists():
            return
        try:
            state = msgspec.json.decode(file.read_bytes(), type=_State)
            count = sum(map(_store, state.payload.tables.data.values()))
        except (msgspec.DecodeError, RecursionError, _Damaged):
            aside = _set_aside(file, "damaged")
            click.echo(
                f" * {file} is damaged and was not imported. The file is now {aside}.", err=True
            )
            return
        aside = _set_aside(file, "imported")
        click.echo(
            f" * Imported {count} tickets of release 0.1. Their file is now {aside}.", err=True
        )


class _Damaged(Exception):
    """The file has an item that is not a ticket."""


def _store(state: _Table) -> int:
    found = engine(Path(config.LOCAL_DYNAMODB))
    items = (
        present_form(msgspec.json.decode(raw))
        for each in state.items.values()
        for raw in each.values()
    )
    try:
        # The file has one table for each TABLE_NAME that was used.
        if state.TableName != config.TABLE_NAME:
            _create_table(found, state.TableName)
        return found.put_missing(state.TableName, items)
    except EngineError as error:
        if error.code in INVALID_ITEM:
            raise _Damaged from error
        raise StorageUnavailable(error.code, attempts=1, message=error.message) from error


def _create_table(engine: Engine, name: str) -> None:
    try:
        engine.answer("CreateTable", msgspec.json.encode({**DEFINITION, "TableName": name}))
    except EngineError as error:
        if error.code != "ResourceInUseException":
            raise


def _set_aside(file: Path, outcome: str) -> Path:
    file.chmod(0o600)
    return file.rename(file.with_name(f"{FILE}.{outcome}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"))


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Wait until release 0.1 has saved its file."""
    lock = folder / LOCK
    if not lock.exists():
        yield
        return
    deadline = time.monotonic() + SAVING_SECONDS
    waits = False
    with lock.open("wb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise click.ClickException(
                        f"Release 0.1 is still running in {folder}. Stop its `flask run`, then"
                        " start again."
                    ) from None
            if not waits:
                click.echo(
                    f" * Waiting until release 0.1 has saved its tickets in {folder}.", err=True
                )
                waits = True
            time.sleep(POLL_SECONDS)
        yield
