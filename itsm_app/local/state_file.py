"""The file that the embedded DynamoDB keeps its tables in."""

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
    # ministack loads no format newer than its own, and this is that of the pinned version.
    version: Literal[2] = msgspec.field(name="__ministack_format__")
    payload: _Payload


def set_aside_damaged(state: Path) -> Path | None:
    """Rename a state file that ministack would not load whole; return its new name, if so.

    ministack starts empty where it can't load the file, and overwrites it when it ends.
    """
    try:
        if state.exists():
            msgspec.json.decode(state.read_bytes(), type=_State)
    except (ValueError, RecursionError):
        aside = state.with_name(f"{state.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        return state.rename(aside)
    return None
