"""Check the file in which the embedded DynamoDB stores its tables."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct


class _Table(Struct):
    TableName: str
    # partition key -> sort key -> item -> typed value
    items: dict[str, dict[str, dict[str, dict[str, Any]]]]


class _Tables(Struct):
    data: dict[str, _Table]
    scoped: Literal[True] = msgspec.field(name="__account_region_scoped__")


class _Payload(Struct):
    tables: _Tables


class _State(Struct):
    # The format of the pinned version of ministack. ministack does not load newer formats.
    version: Literal[2] = msgspec.field(name="__ministack_format__")
    payload: _Payload


def rename_if_damaged(state: Path) -> Path | None:
    """Rename a state file that ministack cannot load completely.

    ministack starts empty if it cannot load the file, and overwrites the file when it ends.

    Returns:
        The new name, or None if the file is valid or does not exist.
    """
    try:
        if state.exists():
            msgspec.json.decode(state.read_bytes(), type=_State)
    except (ValueError, RecursionError):
        new_name = f"{state.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        return state.rename(state.with_name(new_name))
    return None
