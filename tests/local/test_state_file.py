"""Tests that the app sets aside state files that the embedded DynamoDB would not load in full."""

from __future__ import annotations

from pathlib import Path

import pytest

from itsm_app.local.state_file import rename_if_damaged

from ..support.flask_run import flask_run


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\x00" * 100,
        b"\xff",
        b"[]",
        b"{}",
        b'{"__ministack_format__": 2, "pay',
        b'{"payload": 5}',
        b'{"payload": {"tables": {"data": []}}}',
        b"[" * 200_000,
        b'{"__ministack_format__": 2, "other": ' + b"[" * 200_000,
    ],
    ids=lambda damaged: repr(damaged[:50]),
)
def test_sets_aside_invalid_state_files_unchanged(tmp_path: Path, damaged: bytes) -> None:
    state = tmp_path / "dynamodb.json"
    state.write_bytes(damaged)
    renamed = rename_if_damaged(state)
    assert renamed is not None
    assert renamed.read_bytes() == damaged
    assert list(tmp_path.iterdir()) == [renamed]


def test_missing_state_file_is_not_damaged(tmp_path: Path) -> None:
    assert rename_if_damaged(tmp_path / "dynamodb.json") is None


@pytest.fixture(scope="module")
def real_state(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("state")
    with flask_run(LOCAL_DYNAMODB=str(folder)) as server:
        server.create()
    return (folder / "dynamodb.json").read_bytes()


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"", b""),
        (b'"__ministack_format__": 2', b'"__ministack_format__": 3'),
        (b'"__ministack_format__": 2', b'"other": 2'),
        (b'"__account_region_scoped__": true', b'"other": true'),
        (b'"items": {', b'"others": {'),
        (b'{"__no_sort__": {', b'{"__no_sort__": null, "other": {'),
        (b'{"S": "open"}', b'"open"'),
    ],
)
def test_sets_aside_state_files_that_the_engine_would_not_load_in_full(
    tmp_path: Path, real_state: bytes, old: bytes, new: bytes
) -> None:
    state = tmp_path / "dynamodb.json"
    assert old in real_state
    state.write_bytes(real_state.replace(old, new))
    renamed = rename_if_damaged(state)
    assert (renamed is not None) == (old != new)
    assert state.exists() == (old == new)
