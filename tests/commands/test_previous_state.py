"""Tests of the import of the tickets of release 0.1, whose embedded DynamoDB was ministack."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import Result

from itsm_app import config
from itsm_app.commands import previous_state
from itsm_app.local.botocore_hook import engine
from itsm_app.storage.table import DEFINITION
from itsm_app.tickets.places import with_place

from ..conftest import shared_app
from ..support.embedded_dynamodb import embedded_dynamodb
from ..support.flask_run import FlaskRun
from ..support.ports import free_port

pytestmark = pytest.mark.embedded

ID = "1de527c3-388c-5c44-91b8-bc454487dba4"
TEXT = "Ω שלום 😀"


def ticket(ticket_id: str = ID, **fields: Any) -> dict[str, Any]:
    time = "2026-11-25T13:38:52.486306Z"
    comment = {"comment_text": {"S": "hello"}, "added_at": {"S": time}, "comment_id": {"S": "c"}}
    return {
        "ticket_id": {"S": ticket_id},
        "caller_id": {"S": "+15550100"},
        "issue_description": {"S": TEXT},
        "status": {"S": "open"},
        "created_at": {"S": time},
        "updated_at": {"S": time},
        "comments": {"L": [{"M": comment}]},
        "comment_ids": {"SS": ["c"]},
        "revision": {"N": "2"},
        **fields,
    }


def state(**tables: list[dict[str, Any]]) -> str:
    """Return what ministack 1.5.33 saves for tables of tickets, as far as the import reads it."""
    data = {
        f"000000000000\0us-east-1\0'{name}'": {
            "TableName": name,
            "items": {item["ticket_id"]["S"]: {"__no_sort__": item} for item in items},
        }
        for name, items in tables.items()
    }
    payload = {"tables": {"__account_region_scoped__": True, "data": data}}
    return json.dumps({"__ministack_format__": 2, "payload": payload})


def default_table(*items: dict[str, Any]) -> str:
    return state(**{config.TABLE_NAME: [*items]})


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of the embedded DynamoDB that this process uses."""
    with embedded_dynamodb(tmp_path):
        (tmp_path / "lock").touch()
        yield tmp_path


def init_db() -> Result:
    return shared_app().test_cli_runner().invoke(args=["init-db"])


def exported() -> list[dict[str, Any]]:
    result = shared_app().test_cli_runner().invoke(args=["export"])
    assert result.exit_code == 0, result.output
    return [json.loads(line)["Item"] for line in result.stdout.splitlines()]


def files(folder: Path, kind: str) -> list[Path]:
    return [*folder.glob(f"dynamodb.json{kind}")]


def test_imports_the_tickets_once(folder: Path) -> None:
    (folder / "dynamodb.json").write_text(default_table(ticket(), ticket("other")))
    result = init_db()
    assert result.exit_code == 0, result.output
    (aside,) = files(folder, "*")
    assert f"Imported 2 tickets of release 0.1. Their file is now {aside}.\n" in result.stderr
    assert aside.name.startswith("dynamodb.json.imported-")
    # Release 0.1 let every user of the machine read the file in a folder that they could enter.
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert exported() == [with_place(ticket()), with_place(ticket("other"))]
    assert "Imported" not in init_db().stderr
    app = shared_app().test_client()
    found = app.get("/tickets?caller=%2B15550100").json["tickets"]
    assert [each["ticket_id"] for each in found] == ["other", ID]
    assert found[1]["comments"][0]["comment_text"] == "hello"


def test_imports_every_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "dynamodb.json").write_text(state(first=[ticket()], second=[ticket("other")]))
    assert "Imported 2 tickets" in init_db().stderr
    assert exported() == []
    # The tables exist now.
    (folder / "dynamodb.json").write_text(state(first=[ticket("third")]))
    assert "Imported 1 tickets" in init_db().stderr


def test_keeps_tickets_that_exist(folder: Path) -> None:
    (folder / "dynamodb.json").write_text(default_table(ticket()))
    assert init_db().exit_code == 0
    changed = ticket(issue_description={"S": "older"})
    (folder / "dynamodb.json").write_text(default_table(changed, ticket("other")))
    assert "Imported 1 tickets" in init_db().stderr
    assert exported() == [with_place(ticket()), with_place(ticket("other"))]
    assert len(files(folder, ".imported-*")) == 2


@pytest.mark.parametrize(
    "content",
    [
        "",
        default_table(ticket())[:-1],
        '{"payload": {"tables": {"data": []}}}',
        "[" * 100_000,
        default_table(ticket(), ticket("other", caller_id={"S": "\ud800"})),
        default_table(ticket(), ticket("x" * 3000)),
    ],
    ids=["empty", "cut", "other shape", "nested", "lone surrogate", "long key"],
)
def test_sets_a_damaged_file_aside(folder: Path, content: str) -> None:
    (folder / "dynamodb.json").write_text(content)
    result = init_db()
    assert result.exit_code == 0, result.output
    (aside,) = files(folder, "*")
    assert aside.name.startswith("dynamodb.json.damaged-")
    assert aside.read_text() == content
    assert f"is damaged and was not imported. The file is now {aside}." in result.stderr
    assert exported() == []


def test_waits_until_release_01_has_saved(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waits = 0

        def save_at_the_second_wait(_: float) -> None:
            nonlocal waits
            waits += 1
            if waits == 2:
                (folder / "dynamodb.json").write_text(default_table(ticket()))
                fcntl.flock(lock, fcntl.LOCK_UN)

        monkeypatch.setattr(time, "sleep", save_at_the_second_wait)
        result = init_db()
    assert result.exit_code == 0
    assert result.stderr.count(f"Waiting until release 0.1 has saved its tickets in {folder}.") == 1
    assert exported() == [with_place(ticket())]


def test_refuses_a_folder_that_release_01_is_using(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previous_state, "SAVING_SECONDS", 0)
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = init_db()
    assert result.exit_code == 1
    assert f"Release 0.1 is still running in {folder}. Stop its `flask run`" in result.stderr


@pytest.mark.parametrize(
    "content",
    [default_table(*map(ticket, map(str, range(100)))), state(**{"long" * 5000: []})],
    ids=["tickets", "table"],
)
def test_file_stays_if_the_tickets_cannot_be_stored(folder: Path, content: str) -> None:
    assert init_db().exit_code == 0
    found = engine(folder)._open()
    with found.read() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    (folder / "dynamodb.json").write_text(content)
    result = init_db()
    assert result.exit_code == 1
    assert f"{folder} cannot be used: the disk is full; free some space." in result.stderr
    assert exported() == []
    with found.read() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    assert "Imported" in init_db().stderr


def test_file_that_cannot_be_read_is_an_error(folder: Path) -> None:
    (folder / "dynamodb.json").mkdir()
    result = init_db()
    assert result.exit_code == 1
    assert f"{folder} cannot be used: Is a directory." in result.stderr


def test_waits_for_the_engine_of_release_01_and_imports_its_file(tmp_path: Path) -> None:
    """The engine is started and stopped as in release 0.1."""
    port = free_port()
    environment = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "PERSIST_STATE": "1",
        "SERVICES": "dynamodb",
        "STATE_DIR": str(tmp_path),
    }
    with (tmp_path / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ministack = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env={**os.environ, **environment},
            pass_fds=[lock.fileno()],
        )
    client = boto3.client(
        "dynamodb",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    client.create_table(TableName=config.TABLE_NAME, **DEFINITION)
    client.put_item(TableName=config.TABLE_NAME, Item=ticket())
    server = FlaskRun(LOCAL_DYNAMODB=str(tmp_path))
    try:
        server.wait_for("Waiting until release 0.1 has saved its tickets")
        ministack.send_signal(signal.SIGTERM)
        server.wait_for("Imported 1 tickets of release 0.1")
        server.wait_until_up()
        assert server.request("GET", f"/tickets/{ID}").json()["issue_description"] == TEXT
    finally:
        server.stop_if_running()
        ministack.wait(timeout=10)
