"""Tests of the SQLite file below the embedded DynamoDB: errors, locks, forks and modes."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from itsm_app import config
from itsm_app.changes.embedded import LOCK_FILE
from itsm_app.local import database
from itsm_app.local.botocore_hook import engine
from itsm_app.local.database import FILE, Database
from itsm_app.storage import table
from itsm_app.storage.models import Ticket

from ..conftest import Log, shared_app
from ..support.embedded_dynamodb import embedded_dynamodb
from ..support.flask_run import ROOT

pytestmark = pytest.mark.embedded

NEW = {"caller_id": "a", "issue_description": "My printer is on fire"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "parent" / "data"


@pytest.fixture
def client(folder: Path) -> Iterator[FlaskClient]:
    """Return a client of the app on the embedded DynamoDB in `folder`."""
    with embedded_dynamodb(folder):
        table.create()
        yield shared_app().test_client()


def create(client: FlaskClient) -> str:
    response = client.post("/tickets", json=NEW)
    assert response.status_code == 201, response.json
    return str(response.json["ticket_id"])


def assert_storage_unavailable(client: FlaskClient, log: Log, cause: str, retries: int = 0) -> None:
    response = client.post("/tickets", json=NEW)
    assert (response.status_code, response.json["code"]) == (500, "storage_unavailable")
    assert response.json["retryable"] is True
    assert cause not in response.text
    assert [line["cause"] for line in log.lines("retry")] == [cause] * retries
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


def test_failed_commit_is_an_error_for_the_client_and_changes_nothing(
    client: FlaskClient, folder: Path, log: Log
) -> None:
    before = create(client)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        assert_storage_unavailable(client, log, "SQLITE_IOERR_WRITE")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    after = create(client)
    found = client.get("/tickets?caller=a").json["tickets"]
    assert [each["ticket_id"] for each in found] == [after, before]


def test_lock_of_another_process_is_a_transient_error(
    client: FlaskClient, folder: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(client)
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.3)
    engine(folder)._open()._close_idle()
    other = sqlite3.connect(folder / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    assert_storage_unavailable(client, log, "SQLITE_BUSY", retries=2)
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


def test_change_that_takes_too_long_makes_other_writes_fail_transiently(
    client: FlaskClient, folder: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, ended = threading.Event(), threading.Event()

    def wait(_: sqlite3.Connection) -> bool:
        started.set()
        return ended.wait(timeout=10)

    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(engine(folder)._open().write, wait)
        started.wait(timeout=10)
        assert_storage_unavailable(client, log, "EBUSY", retries=2)
        ended.set()
        # The change that was slow is committed.
        assert slow.result() is True
    monkeypatch.undo()


@pytest.mark.parametrize("change", ["deleted", "replaced"])
def test_file_that_was_deleted_or_replaced_is_an_error(
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
    assert client.get("/tickets?caller=a").status_code == 500
    assert change == "replaced" or not folder.exists()


@pytest.mark.parametrize(
    ("damage", "cause"), [(0, "SQLITE_NOTADB"), (4096, "SQLITE_CORRUPT")], ids=["head", "pages"]
)
def test_damaged_file_is_an_error(
    client: FlaskClient, folder: Path, log: Log, damage: int, cause: str
) -> None:
    ticket = create(client)
    engine(folder)._open()._close_idle()
    with (folder / FILE).open("r+b") as file:
        file.seek(damage)
        file.write(b"\xff" * 4096 * 8)
    assert_storage_unavailable(client, log, cause)
    assert client.get(f"/tickets/{ticket}").status_code == 500


def insert(name: str, error: Exception | None = None) -> Callable[[sqlite3.Connection], str]:
    """Return a change that adds a table, and that fails if there is an error."""

    def change(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO tables VALUES (?, '{}')", [name])
        if error:
            raise error
        return name

    return change


def table_names(found: Database) -> list[str]:
    with found.read() as connection:
        rows = connection.execute("SELECT name FROM tables WHERE description = '{}'")
        return sorted(name for (name,) in rows)


def write_together(
    found: Database, changes: list[Callable[[sqlite3.Connection], str]]
) -> list[Future[str]]:
    """Make changes that gather while another change is committed."""
    started, ended = threading.Event(), threading.Event()

    def wait(_: sqlite3.Connection) -> None:
        started.set()
        while found._waiting.qsize() < len(changes):
            ended.wait(0.001)

    with ThreadPoolExecutor(len(changes) + 1) as pool:
        pool.submit(found.write, wait)
        started.wait(timeout=10)
        return [pool.submit(found.write, change) for change in changes]


def test_failed_change_changes_nothing_and_fails_alone(client: FlaskClient, folder: Path) -> None:
    found = engine(folder)._open()
    with pytest.raises(ValueError, match="alone"):
        found.write(insert("a", ValueError("alone")))
    first, failed, last = write_together(
        found, [insert("b"), insert("c", ValueError("in company")), insert("d")]
    )
    assert (first.result(), last.result()) == ("b", "d")
    with pytest.raises(ValueError, match="in company"):
        failed.result()
    assert table_names(found) == ["b", "d"]


def test_changes_that_gather_are_one_transaction(client: FlaskClient, folder: Path) -> None:
    found = engine(folder)._open()

    def undo_all(connection: sqlite3.Connection) -> str:
        # As SQLite does after some errors, such as a full disk.
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("disk is full")

    for write in write_together(found, [insert("a"), undo_all, insert("b")]):
        with pytest.raises(sqlite3.OperationalError):
            write.result()
    assert table_names(found) == []
    assert found.write(insert("c")) == "c"


def test_new_folders_are_synchronised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synchronised: list[Path] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        synchronised.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    Database(tmp_path / "a" / "b")
    assert synchronised == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]


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
    assert {file.name for file in folder.iterdir()} == {FILE, LOCK_FILE}
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
lock = database._starting
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
