"""Tests of processes that are killed at any moment, and whose disk becomes full, under writers."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from itsm_app.local.engine import Engine
from itsm_app.storage.table import DEFINITION

from ..support.flask_run import ROOT, environ
from ..support.forked_flask_run import ForkedFlaskRun
from ..support.ports import free_port
from ..support.small_disk import SmallDisk, small_disk

pytestmark = pytest.mark.embedded

MOMENTS = 200
WRITERS = 8
# One moment of this many is in `flask run --debug`, which has two processes and no quick start.
DEBUG_EVERY = 20
DISK_MEGABYTES = 64
STREAM_MOMENTS = 20
# `stop` waits up to 5 s, and a start up to 20 s.
DEADLINE_SECONDS = 30


class Writer(threading.Thread):
    """A client that creates tickets and comments, and repeats each write until it succeeds.

    Attributes:
        tickets: The texts of the acknowledged comments, by the IDs of the acknowledged tickets.
        acknowledged: How many writes were acknowledged.
        refused: How many responses said that the storage is unavailable.
    """

    def __init__(self, port: int, number: int) -> None:
        super().__init__(daemon=True)
        self.caller = f"writer-{number}"
        self.tickets: dict[str, list[str]] = {}
        self.acknowledged = self.refused = 0
        self.stopped = threading.Event()
        self._port = port

    def run(self) -> None:
        while not self.stopped.is_set():
            ticket = self._write("/tickets", "issue_description", caller_id=self.caller)
            comments = self.tickets[ticket["ticket_id"]] = []
            for _ in range(4):
                path = f"/tickets/{ticket['ticket_id']}/comments"
                comments.append(self._write(path, "comment")["comment"])

    def _write(self, path: str, field: str, **body: str) -> dict[str, Any]:
        text = f"{self.caller} {self.acknowledged}"
        # The idempotency key lets a client repeat a write whose response was lost.
        body |= {field: text, "idempotency_key": text}
        while True:
            status, response = self.call("POST", path, body)
            if status in (200, 201):
                self.acknowledged += 1
                return {**response, field: text}
            if status:
                assert (status, response["code"]) == (500, "storage_unavailable")
                assert response["retryable"] is True
                self.refused += 1

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a request. Without a response, the status is 0."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            connection.request(method, path, json.dumps(body) if body else None)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException):
            # The server is down. The next one takes some time to start.
            self.stopped.wait(0.01)
            return 0, {}
        finally:
            connection.close()

    def stored(self) -> Iterator[dict[str, Any]]:
        """Yield the tickets of this writer that the server returns."""
        cursor = ""
        while True:
            path = f"/tickets?caller={self.caller}&limit=100{cursor}"
            status, page = self.call("GET", path)
            assert status == 200
            yield from page["tickets"]
            if "next_cursor" not in page:
                return
            cursor = f"&cursor={page['next_cursor']}"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", DISK_MEGABYTES) as disk:
        yield disk


def test_kills_at_200_moments_and_full_disks_lose_and_duplicate_nothing(
    disk: SmallDisk, tmp_path: Path
) -> None:
    # pytest prints both lines if the test fails. The seed repeats the choices, not the races.
    seed = os.environ.get("SEED") or str(random.SystemRandom().randrange(10**6))
    print(f"SEED={seed}")  # noqa: T201
    choose = random.Random(seed)
    port = free_port()
    settings = {"LOCAL_DYNAMODB": str(disk.folder / "data"), "FLASK_RUN_PORT": str(port)}
    writers = [Writer(port, number) for number in range(WRITERS)]
    outcomes: Counter[str] = Counter()

    def acknowledged() -> int:
        return sum(writer.acknowledged for writer in writers)

    def refused() -> int:
        return sum(writer.refused for writer in writers)

    def fill_the_disk(pid: int) -> None:
        count = refused()
        disk.fill(pid)
        wait_until(lambda: refused() > count)
        if choose.random() < 0.5:
            outcomes["killed with a full disk"] += 1
            return
        disk.free(pid)
        count = acknowledged()
        wait_until(lambda: acknowledged() > count)
        outcomes["worked again after a full disk"] += 1

    def run_plain(server: ForkedFlaskRun) -> None:
        pid = server.start()
        if choose.random() < 0.2:
            # The moment can be in the start.
            time.sleep(choose.uniform(0, 0.4))
            outcomes["killed at the start"] += 1
        else:
            count = acknowledged()
            wait_until(lambda: acknowledged() > count)
            time.sleep(choose.uniform(0, 0.1))
            if choose.random() < 0.2:
                fill_the_disk(pid)
        signal_number = choose.choice([signal.SIGKILL] * 4 + [signal.SIGTERM, signal.SIGHUP])
        os.kill(pid, signal_number)
        assert server.wait() in (0, -signal_number)
        disk.free(os.getpid())

    def run_debug() -> None:
        count = acknowledged()
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "run", "--debug"],
            cwd=ROOT,
            env=environ(**settings),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: acknowledged() > count)
        time.sleep(choose.uniform(0, 0.1))
        processes = [psutil.Process(process.pid), *psutil.Process(process.pid).children()]
        victims = choose.choice([processes[:1], processes[1:], processes])
        outcomes[f"killed {len(victims)} of 2 processes"] += 1
        for victim in victims:
            victim.kill()
        process.wait()
        psutil.wait_procs(processes)

    with (tmp_path / "output").open("w") as output:
        server = ForkedFlaskRun(output, **settings)
        for writer in writers:
            writer.start()
        try:
            for moment in range(MOMENTS):
                if moment % DEBUG_EVERY == DEBUG_EVERY - 1:
                    run_debug()
                else:
                    run_plain(server)
            last = server.start()
            for writer in writers:
                writer.stopped.set()
            for writer in writers:
                writer.join(DEADLINE_SECONDS)
            for writer in writers:
                found = {
                    ticket["ticket_id"]: [each["comment_text"] for each in ticket["comments"]]
                    for ticket in writer.stored()
                }
                assert found == writer.tickets
            os.kill(last, signal.SIGTERM)
            server.wait()
        finally:
            server.stop()
    print(f"{acknowledged()} writes were acknowledged: {dict(outcomes)}")  # noqa: T201


# Each thread adds 1 to a number of its own ticket again and again, and prints each acknowledged
# number.
COUNTERS = """
import json, os, sys, threading
from pathlib import Path
from itsm_app.local.engine import Engine

engine, moment = Engine(Path(sys.argv[1])), sys.argv[2]

def count(thread):
    ticket = f"{moment}-{thread}"
    request = {
        "TableName": "tickets",
        "Key": {"ticket_id": {"S": ticket}},
        "UpdateExpression": "ADD written :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
        "ReturnValues": "ALL_NEW",
    }
    while True:
        response = engine.answer("UpdateItem", json.dumps(request).encode())
        os.write(1, f"{ticket} {response['Attributes']['written']['N']}\\n".encode())

threads = [threading.Thread(target=count, args=[number]) for number in range(8)]
for thread in threads:
    thread.start()
# An interpreter that shuts down starts no thread, and the engine needs one for its first write.
for thread in threads:
    thread.join()
"""


def test_kills_at_20_moments_leave_one_stream_record_for_each_write(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    table = {**DEFINITION, "TableName": "tickets", "StreamSpecification": stream}
    engine.answer("CreateTable", json.dumps(table).encode())
    written: dict[str, int] = {}
    last_number = ""
    for moment in range(STREAM_MOMENTS):
        process = subprocess.Popen(
            [sys.executable, "-c", COUNTERS, str(tmp_path), str(moment)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        time.sleep(random.uniform(0, 0.1))
        process.kill()
        lines += process.communicate()[0].splitlines()
        acknowledged = {ticket: int(number) for ticket, number in map(str.split, lines)}
        assert acknowledged
        while records := [record["dynamodb"] for record in engine.read_changes("tickets")]:
            for record in records:
                ticket = record["Keys"]["ticket_id"]["S"]
                old = record.get("OldImage", {"written": {"N": "0"}})["written"]
                assert old == {"N": str(written.get(ticket, 0))}
                written[ticket] = written.get(ticket, 0) + 1
                assert record["NewImage"]["written"] == {"N": str(written[ticket])}
                assert record["SequenceNumber"] > last_number
                last_number = record["SequenceNumber"]
            engine.forget_changes("tickets", last_number)
        for ticket, number in acknowledged.items():
            # One more write can be stored without its acknowledgement.
            assert written[ticket] in (number, number + 1)
    stored = engine.answer("Scan", b'{"TableName": "tickets"}')["Items"]
    found = {each["ticket_id"]["S"]: int(each["written"]["N"]) for each in stored}
    assert found == written
