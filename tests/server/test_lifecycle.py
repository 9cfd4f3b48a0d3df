"""Tests of the documented server as a process: how it stops, and what is stored and logged then."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from ..support.faulty_dynamodb import FaultyDynamoDB
from ..support.flask_run import environ
from ..support.single_server import FILES, Server, init_db, server

pytestmark = pytest.mark.server

WRITERS = 8


class Writers:
    """Clients that create tickets until the server has stopped."""

    def __init__(self, running: Server) -> None:
        self.server = running
        # The description of each acknowledged ticket, with its id and the id of the request.
        self.acknowledged: dict[str, tuple[str, str]] = {}

    def write(self, writer: int) -> None:
        number = 0
        while True:
            description = f"{writer}-{number}"
            try:
                response = self.server.create(description)
            except requests.RequestException:
                return
            assert response.status_code == 201
            ids = response.json()["ticket_id"], response.headers["X-Request-Id"]
            self.acknowledged[description] = ids
            number += 1

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 30
        while len(self.acknowledged) < count:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def stop_under_load(running: Server, signal_number: signal.Signals) -> tuple[int, Writers]:
    """Send a signal while clients create tickets, and return the exit status."""
    writers = Writers(running)
    with ThreadPoolExecutor(WRITERS) as threads:
        futures = [threads.submit(writers.write, number) for number in range(WRITERS)]
        writers.wait_for(50)
        status = running.stop(signal_number)
        for future in futures:
            future.result()
    return status, writers


def stored_descriptions(running: Server) -> Counter[str]:
    """Return how often each description is stored."""
    found: Counter[str] = Counter()
    cursor = ""
    while True:
        page = running.get(f"/tickets?caller=%2B15550100&limit=100&comments=none{cursor}").json()
        found.update(ticket["issue_description"] for ticket in page["tickets"])
        if not page.get("next_cursor"):
            return found
        cursor = f"&cursor={page['next_cursor']}"


@pytest.mark.parametrize(
    ("signal_number", "status"),
    [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9), (signal.SIGHUP, -1)],
)
def test_acknowledged_tickets_are_there_once_after_a_restart(
    folder: Path, signal_number: signal.Signals, status: int
) -> None:
    with server(folder) as running:
        found, writers = stop_under_load(running, signal_number)
        assert found == status
    with server(folder) as running:
        for description, (ticket, _) in writers.acknowledged.items():
            assert running.get(f"/tickets/{ticket}").json()["issue_description"] == description
        stored = stored_descriptions(running)
    assert {*writers.acknowledged} <= {*stored}
    assert {*stored.values()} == {1}


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_every_response_has_a_log_line_after_a_stop(
    folder: Path, signal_number: signal.Signals
) -> None:
    with server(folder) as running:
        _, writers = stop_under_load(running, signal_number)
    logged = Counter(line["request_id"] for line in running.lines("request"))
    assert {request for _, request in writers.acknowledged.values()} <= {*logged}
    assert {*logged.values()} == {1}


def test_a_stop_completes_the_requests_that_have_begun(folder: Path) -> None:
    """Every ticket that was stored was also acknowledged: no client had to guess."""
    with server(folder) as running:
        _, writers = stop_under_load(running, signal.SIGTERM)
    with server(folder) as running:
        assert {*stored_descriptions(running)} == {*writers.acknowledged}


def test_sigterm_stops_the_first_process_of_a_container(folder: Path) -> None:
    """The kernel ignores SIGTERM for such a process, unless the process handles the signal."""
    with server(folder, "unshare", "--fork", "--pid", "--kill-child") as running:
        (first,) = psutil.Process(running.process.pid).children()
        assert "NSpid" in Path(f"/proc/{first.pid}/status").read_text()
        ticket = running.create().json()["ticket_id"]
        first.terminate()
        assert running.process.wait(timeout=5) == 0
    with server(folder) as running:
        assert running.get(f"/tickets/{ticket}").status_code == 200


def test_two_servers_share_the_tickets(folder: Path) -> None:
    with server(folder) as one, server(folder) as other:
        with ThreadPoolExecutor(8) as threads:
            responses = list(threads.map(lambda n: (one, other)[n % 2].create(str(n)), range(100)))
        assert {response.status_code for response in responses} == {201}
        assert len(stored_descriptions(one)) == 100


def test_a_server_without_a_table_reports_an_error(folder: Path) -> None:
    running = Server(folder).wait_until_up()
    try:
        response = running.get("/health")
        assert (response.status_code, response.json()["code"]) == (500, "storage_unavailable")
    finally:
        running.stop()


def test_stores_tickets_in_dynamodb(folder: Path, moto: FaultyDynamoDB) -> None:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    changes = {"LOCAL_DYNAMODB": "", "AWS_ENDPOINT_URL_DYNAMODB": moto.url}
    changes |= dict.fromkeys(names, "local")
    with server(folder, **changes) as running:
        ticket = running.create().json()["ticket_id"]
    with server(folder, **changes) as running:
        assert running.get(f"/tickets/{ticket}").status_code == 200
        assert running.get("/health").status_code == 200
    assert not folder.exists()


def test_every_listener_is_on_loopback(folder: Path) -> None:
    with server(folder) as running:
        connections = psutil.Process(running.process.pid).net_connections()
    listeners = [each.laddr for each in connections if each.status == psutil.CONN_LISTEN]
    assert listeners == [("127.0.0.1", running.port)]


def test_answers_nobody_without_keys(folder: Path) -> None:
    with server(folder, API_KEYS="") as running:
        response = running.get("/tickets?caller=x")
        assert (response.status_code, response.json()["code"]) == (503, "no_keys")
        assert running.get("/desk").status_code == 503
        assert running.get("/health").status_code == 200


def backup(folder: Path, copies: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FILES / "backup", folder / "tickets.sqlite3", copies],
        env=environ(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_backup_under_load_is_complete_and_can_be_restored(folder: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    with server(folder) as running:
        writers = Writers(running)
        stopped = threading.Event()

        def write() -> None:
            while not stopped.is_set():
                response = running.create(f"{len(writers.acknowledged)}")
                writers.acknowledged[response.json()["ticket_id"]] = ("", "")

        thread = threading.Thread(target=write)
        thread.start()
        try:
            writers.wait_for(30)
            before = {*writers.acknowledged}
            done = backup(folder, copies)
        finally:
            stopped.set()
            thread.join()
        assert (done.returncode, done.stderr) == (0, "")
    (copy,) = copies.iterdir()
    assert copy.stat().st_mode & 0o777 == 0o600
    restored = tmp_path / "restored"
    restored.mkdir()
    copy.rename(restored / "tickets.sqlite3")
    with server(restored) as running:
        for ticket in before:
            assert running.get(f"/tickets/{ticket}").status_code == 200
        assert running.create().status_code == 201


def test_a_backup_keeps_the_newest_14_copies(folder: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    for day in range(10, 30):
        (copies / f"tickets-202510{day}T030000Z.sqlite3").touch()
    init_db(folder)
    assert backup(folder, copies).returncode == 0
    names = sorted(path.name for path in copies.iterdir())
    assert len(names) == 14
    assert names[0] == "tickets-20251017T030000Z.sqlite3"


def test_a_failed_backup_is_an_error_and_leaves_no_copy(tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    (tmp_path / "tickets.sqlite3").write_bytes(b"no database" * 1000)
    done = backup(tmp_path, copies)
    assert done.returncode != 0
    assert done.stderr
    assert not [*copies.iterdir()]
