"""Tests of the search index while its handler is killed, throttled and fed poison."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from itsm_app import config
from itsm_app.search import check
from itsm_app.search.check import Report
from itsm_app.storage import items, search_index, search_table
from itsm_app.storage.models import Ticket
from itsm_app.tickets import comment, create, erasure, update

from . import rules
from .proxy import Exchange, Fault, Proxy, no_fault

pytestmark = [
    pytest.mark.faults,
    pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True),
]

ROOT = Path(__file__).parent.parent.parent
KILLS = 100
# How many requests a handler sends before it is killed.
MAX_REQUESTS = 15
WRITERS = 3
# The handler has reached all changes when it has sent no request for so long.
IDLE_SECONDS = 10
WORDS = ("printer", "fire", "VPN", "Drucker", "kaputt", "東京都", "프린터", "naïve", "555-0100")
# Items that are no valid tickets: without a description, and with comments that are no list.
POISON: tuple[dict[str, Any], ...] = (
    {"caller_id": {"S": "+15550100"}, "created_at": {"S": "2026-11-25T00:00:00.000000Z"}},
    {
        "caller_id": {"S": "+15550100"},
        "created_at": {"S": "2026-11-25T00:00:00.000000Z"},
        "issue_description": {"S": "My printer is on fire"},
        "comments": {"N": "5"},
    },
)


def leave_unprocessed(exchange: Exchange) -> None:
    """Apply a part of a batch, and return the rest as unprocessed."""
    head, _, body = exchange.request.partition(b"\r\n\r\n")
    batch = json.loads(body)
    ((table, requests),) = batch["RequestItems"].items()
    applied = requests[: len(requests) // 2]
    if not applied:
        exchange.respond(exchange.apply())
        return
    batch["RequestItems"][table] = applied
    content = json.dumps(batch).encode()
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    lines.append(b"Content-Length: %d" % len(content))
    exchange.request = b"\r\n".join(lines) + b"\r\n\r\n" + content
    exchange.apply()
    answer = json.dumps({"UnprocessedItems": {table: requests[len(applied) :]}}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer)
    exchange.respond(head + answer)


FAULTS: dict[Fault, float] = {
    rules.throttle: 0.03,
    rules.fail: 0.03,
    rules.lose_request: 0.03,
    rules.lose_response: 0.03,
    rules.fail_after_applying: 0.03,
}


def random_fault(exchange: Exchange) -> Any:
    if exchange.action == "BatchWriteItem" and random.random() < 0.1:
        return leave_unprocessed
    return rules.random_faults(FAULTS)(exchange)


@contextmanager
def event_source(engine: str, handler_url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the stream handler. Its process ids are the lines of the standard output."""
    command = [sys.executable, "-m", "tests.support.event_source", engine, str(folder / "position")]
    environment = os.environ | {
        "AWS_ENDPOINT_URL_DYNAMODB": handler_url,
        "AWS_LAMBDA_FUNCTION_NAME": "stream-handler",
        "SEARCH_TABLE": config.search_table(),
        "COVERAGE_PROCESS_CONFIG": "",
    }
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        yield process
        process.communicate()


class Load:
    """Threads that create, change, erase and delete tickets until they are stopped.

    Attributes:
        writes: How many changes the threads have made.
    """

    def __init__(self) -> None:
        self.writes = 0
        self._stopped = threading.Event()
        self._threads = ThreadPoolExecutor(WRITERS)

    def __enter__(self) -> Load:
        self._results = [
            self._threads.submit(self._write, random.Random(number), f"+1555010{number}")
            for number in range(WRITERS)
        ]
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for each in self._results:
            each.result()
        self._threads.shutdown()

    def _write(self, choose: random.Random, caller: str) -> None:
        tickets: list[str] = []
        while not self._stopped.wait(0.05):
            text = " ".join(choose.choices(WORDS, k=4))
            kind = choose.random() if tickets else 0
            if kind < 0.4:
                tickets.append(create.create_ticket(caller, text, None)[0].ticket_id)
            elif kind < 0.7:
                comment.add_comment(choose.choice(tickets), text, None, None, "voice")
            elif kind < 0.85:
                update.update_ticket(choose.choice(tickets), {}, text, by="anna", is_note=True)
            elif kind < 0.93:
                erasure.erase(tickets.pop(0), {caller})
            else:
                Ticket(tickets.pop(0)).delete()
            self.writes += 1


@pytest.fixture
def search(engine: str) -> None:
    """Turn on search. Delete the tickets of other tests, which no change would index."""
    with Ticket.batch_write() as batch:
        for ticket in Ticket.scan(attributes_to_get=["ticket_id"]):
            batch.delete(ticket)
    search_table.create()
    search_table.turn_on_stream()


@pytest.fixture
def faulty_dynamodb(engine: str) -> Iterator[Proxy]:
    proxy = Proxy(engine)
    yield proxy
    proxy.stop()


def parked_tickets() -> set[str]:
    return {str(each.ticket_id) for each in search_index.parked()}


def settled_report(proxy: Proxy, parked: set[str]) -> Report:
    """Return the report once the handler has reached all changes, or sends no more requests."""
    deadline, seen = 0.0, -1
    while True:
        if len(proxy.fault_names) > seen:
            deadline, seen = time.monotonic() + IDLE_SECONDS, len(proxy.fault_names)
        report = check.check(wait=lambda _: time.sleep(0.5))
        is_settled = not report.differences and parked_tickets() == parked
        if is_settled or time.monotonic() > deadline:
            return report


def await_requests(proxy: Proxy, number: int) -> None:
    """Wait until the handler has sent so many more requests, or has nothing to do for a second."""
    target = len(proxy.fault_names) + number
    deadline = time.monotonic() + 1
    while len(proxy.fault_names) < target and time.monotonic() < deadline:
        time.sleep(0.001)


def store(ticket_id: str, item: dict[str, Any]) -> None:
    assert items.put_item_if_missing({"ticket_id": {"S": ticket_id}, **item})


def test_index_agrees_with_the_tickets_after_100_kills(
    engine: str, search: None, faulty_dynamodb: Proxy, tmp_path: Path
) -> None:
    faulty_dynamodb.rule = random_fault
    parked = [f"poison-{number}" for number in range(len(POISON))]
    with event_source(engine, faulty_dynamodb.url, tmp_path) as process:
        assert process.stdout is not None
        with Load() as load:
            for number in range(KILLS):
                if number == KILLS // 2:
                    for ticket_id, item in zip(parked, POISON, strict=True):
                        store(ticket_id, item)
                pid = int(process.stdout.readline())
                await_requests(faulty_dynamodb, random.randint(1, MAX_REQUESTS))
                time.sleep(random.uniform(0, 0.02))
                os.kill(pid, signal.SIGKILL)
        faults = {*faulty_dynamodb.fault_names}
        requests = len(faulty_dynamodb.fault_names)
        faulty_dynamodb.rule = no_fault
        report = settled_report(faulty_dynamodb, {*parked})
    assert load.writes > KILLS
    assert requests > 5 * KILLS
    assert {leave_unprocessed.__name__, *(each.__name__ for each in FAULTS)} < faults
    assert report.differences == []
    assert report.tickets > KILLS / 2
    assert parked_tickets() == {*parked}
    assert sorted(report.unreadable) == parked
