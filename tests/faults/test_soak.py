"""A long test with many concurrent clients while DynamoDB fails at random. Run it by hand."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from .clients import Clients, Write
from .proxy import Fault, Proxy
from .rules import FAST_FAULTS, SLOW_FAULTS, random_faults

OPERATIONS = int(os.environ.get("SOAK_OPERATIONS", "100000"))
CLIENTS = 16
FAULT_SHARES: dict[Fault, float] = {
    **dict.fromkeys(FAST_FAULTS, 0.015),
    **dict.fromkeys(SLOW_FAULTS, 0.0005),
}
# The number of attempts of a client with an idempotency key.
MAX_ATTEMPTS = 4
# Comments go to the newest tickets only, so that the clients write to the same tickets.
OPEN_TICKETS = 40
# The app rejects none of these changes.
CHANGES = [{"status": "in_progress"}, {"status": "resolved"}, {"priority": "high"}]
CHANGES += [{"priority": "low"}]
# Keeps the list of a caller within a few pages.
TICKETS_PER_CALLER = 20


class Client:
    """One client. All clients share `tickets` and `keyed`, the writes with idempotency keys."""

    def __init__(self, clients: Clients, tickets: list[str], keyed: list[Write]) -> None:
        self.clients, self.tickets, self.keyed = clients, tickets, keyed
        self.caller = ""
        self.created = 0
        self.counts: Counter[str] = Counter()

    def run(self, operations: int) -> Counter[str]:
        self.create()
        actions = [self.create, self.comment, self.change, self.repeat, self.reuse_key]
        actions += [self.read, self.list_all, self.note, self.hand_over]
        for action in random.choices(actions, [2, 7, 1, 3, 1, 4, 2, 2, 1], k=operations):
            action()
            self.counts[action.__name__] += 1
        return self.counts

    def create(self) -> None:
        if self.created % TICKETS_PER_CALLER == 0:
            self.caller = f"caller {uuid4()}"
        self.created += 1
        responses = self.write("ticket", self.caller)
        self.tickets += [response["ticket_id"] for response in responses]

    def comment(self) -> None:
        self.write("comment", random.choice(self.tickets[-OPEN_TICKETS:]))

    def note(self) -> None:
        self.write("note", random.choice(self.tickets[-OPEN_TICKETS:]))

    def hand_over(self) -> None:
        self.write("handover", random.choice(self.tickets[-OPEN_TICKETS:]))

    def change(self) -> None:
        changes = random.choice(CHANGES)
        ticket = random.choice(self.tickets[-OPEN_TICKETS:])
        key, attempts = random.choice([("", 1), (f"key {uuid4()}", MAX_ATTEMPTS)])
        response = self.clients.change(ticket, changes, key, attempts)
        self.expect(response.status_code in (200, 500), "change", ticket, changes, response.json)

    def write(self, kind: str, scope: str) -> list[dict[str, str]]:
        write = Write(kind, scope, f"text {uuid4()}")
        key, attempts = random.choice([("", 1), (write.text, MAX_ATTEMPTS)])
        response = self.clients.write(write, key, attempts)
        self.expect(response.status_code in (200, 201, 500), "write", write, response.json)
        self.keyed += [write] if key else []
        return self.clients.acknowledged.get(write, [])

    def repeat(self) -> None:
        for write in self.keyed and [random.choice(self.keyed)]:
            response = self.clients.write(write, write.text, MAX_ATTEMPTS)
            # The response to a change has no such header.
            is_replay = "Idempotency-Replayed" in response.headers or write.kind == "note"
            self.expect(is_replay and response.status_code < 300, "repeat", write, response.json)

    def reuse_key(self) -> None:
        for write in self.keyed and [random.choice(self.keyed)]:
            other = write._replace(text=f"not {write.text}")
            response = self.clients.write(other, write.text, MAX_ATTEMPTS)
            self.expect(response.status_code == 409, "reuse_key", other, response.json)

    def read(self) -> None:
        self.clients.read(random.choice(self.tickets[-OPEN_TICKETS:]))

    def list_all(self) -> None:
        self.clients.list_all(self.caller, limit=random.choice([7, 100]))

    def expect(self, condition: bool, *details: object) -> None:
        if not condition:
            self.clients.unexpected.append(details)


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True)
def test_soak_loses_and_duplicates_no_write(
    clients: Clients,
    proxy: Proxy,
    capsys: pytest.CaptureFixture[str],
    pytestconfig: pytest.Config,
) -> None:
    tickets: list[str] = []
    keyed: list[Write] = []
    start = time.monotonic()
    proxy.rule = random_faults(FAULT_SHARES)
    with ThreadPoolExecutor(CLIENTS) as pool:
        share = OPERATIONS // CLIENTS
        runs = [pool.submit(Client(clients, tickets, keyed).run, share) for _ in range(CLIENTS)]
        counts = sum((run.result() for run in runs), Counter[str]())
    seconds = time.monotonic() - start
    statuses = Counter(clients.statuses)
    violations = clients.violations()
    with capsys.disabled():
        print_line = pytestconfig.get_terminal_writer().line
        print_line(f"\n{counts.total()} operations in {seconds:.0f} s: {dict(counts)}")
        faults = Counter(proxy.fault_names)
        print_line(f"{faults.total()} requests to DynamoDB, by fault: {dict(faults)}")
        print_line(f"responses: {dict(statuses)}")
        for kind in ("lost", "duplicated", "unexpected"):
            print_line(f"{kind}: {len(violations.get(kind, []))}")
    assert violations == {}
