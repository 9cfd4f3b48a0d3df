"""Tests of the SQLite file below the embedded DynamoDB: errors, locks, forks and modes."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from itsm_app import config
from itsm_app.local import database
from itsm_app.local.botocore_hook import engine
from itsm_app.local.database import FILE
from itsm_app.storage import table
from itsm_app.storage.models import Ticket

from ..conftest import Log, shared_app
from ..support.flask_run import ROOT

NEW = {"caller_id": "a", "issue_description": "My printer is on fire"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "parent" / "data"


@pytest.fixture
def client(folder: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Return a client of the app on the embedded DynamoDB in `folder`."""
    monkeypatch.setattr(config, "LOCAL_DYNAMODB", str(folder))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    # `connection` changes these.
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(Ticket, "_connection", None)
    table.create()
    return shared_app().test_client()


def create(client: FlaskClient) -> str:
    response = client.post("/tickets", json=NEW)
    assert response.status_code == 201, response.json
    return str(response.json["ticket_id"])


def assert_storage_unavailable(client: FlaskClient, log: Log, cause: str) -> None:
    response = client.post("/tickets", json=NEW)
    assert (response.status_code, response.json["code"]) == (500, "storage_unavailable")
    assert response.json["retryable"] is True
    assert [line["cause"] for line in log.lines("retry")[-2:]] == [cause] * 2
    assert log.lines("storage_unavailable")[-1]["cause"] == cause


def test_folder_and_files_are_private(client: FlaskClient, folder: Path) -> None:
    create(client)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert modes == dict.fromkeys([FILE, f"{FILE}-shm", f"{FILE}-wal"], 0o600)


def test_commits_are_synchronised(client: FlaskClient, folder: Path) -> None:
    with engine(folder)._open().read() as connection:
        settings = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "fullfsync", "secure_delete")
        ]
    assert settings == ["wal", 2, 1, 1]


def test_full_disk_is_an_error_for_the_client_and_keeps_what_was_acknowledged(
    client: FlaskClient, folder: Path, log: Log
) -> None:
    before = create(client)
    database = engine(folder)._open()
    with database.read() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    created = [before]
    while (response := client.post("/tickets", json=NEW)).status_code == 201:
        created.append(response.json["ticket_id"])
    assert_storage_unavailable(client, log, "SQLITE_FULL")
    for ticket in created:
        assert client.get(f"/tickets/{ticket}").status_code == 200
    with database.read() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    created.append(create(client))
    found = client.get("/tickets?caller=a&limit=100").json["tickets"]
    assert sorted(ticket["ticket_id"] for ticket in found) == sorted(created)


def test_lock_of_another_process_is_a_transient_error(
    client: FlaskClient, folder: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(client)
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    engine(folder)._open()._close_idle()
    other = sqlite3.connect(folder / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    assert_storage_unavailable(client, log, "SQLITE_BUSY")
    assert time.monotonic() - started < 6.5
    # Reads do not wait.
    assert client.get("/tickets?caller=a").status_code == 200
    other.execute("ROLLBACK")
    create(client)
    other.close()


def test_write_waits_for_the_lock_of_another_process(client: FlaskClient, folder: Path) -> None:
    create(client)
    other = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.2, lambda: other.execute("ROLLBACK"))
    timer.start()
    create(client)
    timer.join()
    other.close()


def test_lock_of_another_thread_is_a_transient_error(
    client: FlaskClient, folder: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    with engine(folder)._open()._write_lock:
        assert_storage_unavailable(client, log, "EBUSY")
    create(client)


@pytest.mark.parametrize("change", ["deleted", "replaced"])
def test_write_to_a_file_that_was_deleted_or_replaced_is_an_error(
    client: FlaskClient, folder: Path, log: Log, change: str
) -> None:
    create(client)
    if change == "deleted":
        shutil.rmtree(folder)
    else:
        copy = folder / "copy"
        shutil.copy(folder / FILE, copy)
        copy.rename(folder / FILE)
    assert_storage_unavailable(client, log, "ENOENT" if change == "deleted" else "ESTALE")
    assert change == "replaced" or not folder.exists()


def test_failed_transaction_changes_nothing(client: FlaskClient, folder: Path) -> None:
    found = engine(folder)._open()

    def insert(error: BaseException | None) -> None:
        with found.write() as connection:
            connection.execute("INSERT INTO tables VALUES (?, '{}')", [repr(error)])
            if error:
                raise error

    for error in (ValueError(), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            insert(error)
    insert(None)
    with found.read() as connection:
        names = connection.execute("SELECT name FROM tables").fetchall()
    assert sorted(names) == sorted([("None",), (config.TABLE_NAME,)])


def test_working_directory_can_change(
    tmp_path: Path, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "LOCAL_DYNAMODB", "relative")
    monkeypatch.setattr(Ticket, "_connection", None)
    table.create()
    monkeypatch.chdir("/")
    engine(Path("relative"))._open()._close_idle()
    create(client)
    assert (tmp_path / "relative" / FILE).exists()


def test_erased_texts_are_not_in_the_file(client: FlaskClient, folder: Path) -> None:
    secrets = [f"secret {number} " * 50 for number in range(20)]
    for secret in secrets:
        new = {"caller_id": "Zaphod", "issue_description": secret[:900]}
        ticket = client.post("/tickets", json=new).json["ticket_id"]
        client.post(f"/tickets/{ticket}/comments", json={"comment": secret[:900]})
    result = shared_app().test_cli_runner().invoke(args=["erase-caller", "Zaphod", "--yes"])
    assert result.exit_code == 0, result.output
    engine(folder)._open()._close_idle()
    assert [file.name for file in folder.iterdir()] == [FILE]
    content = (folder / FILE).read_bytes()
    assert b"[erased]" in content
    assert b"secret" not in content
    assert b"Zaphod" not in content.replace(b'"changed_by":{"S":"erase-caller"', b"")


# The process serves a request, forks, and both processes go on writing.
FORK = """
import json, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from pathlib import Path
from itsm_app.commands.app import create_command_app
from itsm_app.local.botocore_hook import engine
from itsm_app.storage import table
app = create_command_app()
app.config["KEYLESS"] = True
table.create()
client = app.test_client()

def create():
    new = {"caller_id": "a", "issue_description": "x"}
    return client.post("/tickets", json=new).json["ticket_id"]

tickets = [create()]
reader, writer = os.pipe()
# Another thread can be writing at the fork.
database = engine(Path(os.environ["LOCAL_DYNAMODB"]))._open()
lock = database._write_lock
lock.acquire()
child = os.fork()
# Neither process uses a connection from before the fork.
assert database._idle == []
if child != 0:
    lock.release()
tickets = [create() for _ in range(50)]
if child == 0:
    os.write(writer, json.dumps(tickets).encode())
    os._exit(0)
os.close(writer)
tickets += json.loads(open(reader).read())
assert os.waitpid(child, 0)[1] == 0
assert all(client.get(f"/tickets/{ticket}").status_code == 200 for ticket in tickets)
print(len(set(tickets)))
"""


def test_parent_and_child_of_a_fork_can_write(folder: Path) -> None:
    environment: Any = {**os.environ, "LOCAL_DYNAMODB": str(folder)}
    environment.pop("AWS_ENDPOINT_URL_DYNAMODB", None)
    command = [sys.executable, "-c", FORK]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "100\n"), result.stderr
    with sqlite3.connect(folder / FILE) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (count,) = connection.execute("SELECT count(*) FROM items").fetchone()
    connection.close()
    assert count == 101
