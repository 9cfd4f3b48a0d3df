"""Tests that `flask erase-caller` also erases from the search index of the embedded DynamoDB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from sqlite3 import Connection

import pytest

from itsm_app import config
from itsm_app.changes import embedded
from itsm_app.changes.embedded import LOCK_FILE
from itsm_app.storage import search_index

from ..tickets.test_erasure import erase_caller
from .conftest import Store, differences

CALLER = "+15550100"
SECRET = "Wolkenkuckucksheim"


def has_secret() -> bool:
    return any(each.partition.startswith(SECRET.lower()) for each in search_index.scan())


def test_erased_words_are_deleted_at_once(store: Store) -> None:
    store.create(SECRET, CALLER)
    store.process()
    assert has_secret()
    store.create(SECRET, CALLER)
    result = erase_caller(CALLER, "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert store.records() == []
    assert not has_secret()
    assert differences() == []


def test_damaged_change_is_reported(store: Store) -> None:
    store.create(SECRET, CALLER)

    def damage(db: Connection) -> None:
        db.execute("UPDATE changes SET new = '{'")

    store.engine._open().write(damage)
    result = erase_caller(CALLER, "--yes")
    assert result.exit_code == 1
    assert "The search index still has words of the erased tickets" in result.stderr
    assert "The next `flask run` removes them." in result.stderr


def test_command_ends_if_the_search_index_cannot_be_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "RETRY_SECONDS", 0)
    trigger = (
        "CREATE TRIGGER refuse BEFORE INSERT ON items WHEN NEW.table_name LIKE '%-search'"
        " BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
    store.engine._open().write(lambda db: db.execute(trigger))
    store.create(SECRET, CALLER)
    result = erase_caller(CALLER, "--yes")
    store.engine._open().write(lambda db: db.execute("DROP TRIGGER refuse"))
    assert result.exit_code == 1
    assert "The search index still has words of the erased tickets" in result.stderr
    assert len(store.records()) == 2


def test_changes_are_left_to_the_process_that_holds_the_lock(store: Store) -> None:
    # A lock belongs to a process, so another process must hold it.
    program = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'w')\n"
        "fcntl.lockf(file, fcntl.LOCK_EX)\n"
        "print(flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(Path(config.LOCAL_DYNAMODB) / LOCK_FILE)]
    store.create(SECRET, CALLER)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert erase_caller(CALLER, "--yes").exit_code == 0
        assert len(store.records()) == 2
        other.communicate()
    assert erase_caller(CALLER, "--yes").exit_code == 0
    assert store.records() == []
