"""Tests of the thread of `flask run` that processes the changes of the embedded DynamoDB."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from itsm_app.commands import embedded_table
from itsm_app.local.database import FILE
from itsm_app.search import rebuild

from ..search.conftest import Store, differences
from ..support.embedded_dynamodb import embedded_dynamodb
from ..support.flask_run import FlaskRun, command, flask_run

pytestmark = pytest.mark.embedded

SEARCH_SECONDS = 5


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "data")


def found(server: FlaskRun, text: str) -> list[str]:
    response = server.request("GET", "/tickets", params={"q": text})
    return [each["ticket_id"] for each in response.json()["tickets"]]


def await_found(server: FlaskRun, text: str, tickets: list[str]) -> None:
    """Wait until a search finds the tickets, for at most 5 seconds."""
    deadline = time.monotonic() + SEARCH_SECONDS
    while found(server, text) != tickets:
        assert time.monotonic() < deadline, found(server, text)
        time.sleep(0.05)


@contextmanager
def database(folder: str) -> Iterator[sqlite3.Connection]:
    """Open the database as another process does."""
    with closing(sqlite3.connect(Path(folder) / FILE, isolation_level=None, timeout=5)) as db:
        yield db


def interrupted_rebuild(folder: str) -> list[str]:
    """Create tickets that are not in the search index. Return them, newest first."""
    with embedded_dynamodb(Path(folder)):
        embedded_table.prepare(Path(folder))
        store = Store(Path(folder))
        tickets = [store.create("The lift") for _ in range(3)]
        store.forget()
        rebuild.start()
    return tickets[::-1]


def test_words_are_found_within_five_seconds(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        ticket = server.create(description="The lift")
        await_found(server, "lift", [ticket])
        server.request("POST", f"/tickets/{ticket}/comments", json={"comment": "No power"})
        await_found(server, "power", [ticket])


def test_another_process_goes_on_if_the_first_is_killed(folder: str) -> None:
    with FlaskRun(LOCAL_DYNAMODB=folder).running() as first:
        ticket = first.create(description="The lift")
        await_found(first, "lift", [ticket])
        with flask_run(LOCAL_DYNAMODB=folder) as second:
            await_found(second, "lift", [ticket])
            first.process.send_signal(signal.SIGKILL)
            first.process.wait(timeout=5)
            newer = second.create(description="The lift")
            await_found(second, "lift", [newer, ticket])


def test_interrupted_rebuild_is_completed_at_the_start(folder: str) -> None:
    tickets = interrupted_rebuild(folder)
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        await_found(server, "lift", tickets)
        with embedded_dynamodb(Path(folder)):
            while rebuild.is_unfinished():
                time.sleep(0.05)
            assert differences() == []


# Writes of changes, and of the search index, fail.
FAILURES = (
    "CREATE TRIGGER fail_changes BEFORE INSERT ON changes BEGIN SELECT RAISE(FAIL, 'x'); END",
    "CREATE TRIGGER fail_index BEFORE INSERT ON items WHEN NEW.table_name LIKE '%-search'"
    " BEGIN SELECT RAISE(FAIL, 'x'); END",
)


def test_changes_and_rebuild_go_on_after_a_failure_of_the_database(folder: str) -> None:
    tickets = interrupted_rebuild(folder)
    with embedded_dynamodb(Path(folder)):
        newest = Store(Path(folder)).create("The stairs", "+15550188")
    with database(folder) as db:
        for each in FAILURES:
            db.execute(each)
        with flask_run(LOCAL_DYNAMODB=folder) as server:
            for message in ("rebuild_interrupted", "change_delayed"):
                if not any(message in line for line in server.output):
                    server.wait_for(message)
            for name in ("changes", "index"):
                db.execute(f"DROP TRIGGER fail_{name}")
            await_found(server, "stairs", [newest])
            assert found(server, "lift") == []
            db.execute("ALTER TABLE changes RENAME TO hidden")
            server.wait_for("changes_delayed")
            db.execute("ALTER TABLE hidden RENAME TO changes")
            newer = server.create(description="The stairs")
            await_found(server, "stairs", [newer, newest])
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        await_found(server, "lift", tickets)


def test_commands_use_the_index_of_a_folder(folder: str) -> None:
    tickets = interrupted_rebuild(folder)
    result = command("rebuild-search", LOCAL_DYNAMODB=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith(f"The search index has all {len(tickets)} tickets.\n")
    result = command("check-search", LOCAL_DYNAMODB=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert command("parked", LOCAL_DYNAMODB=folder).stdout == "Parked changes: 0.\n"
