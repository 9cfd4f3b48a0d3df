"""Many clients doing everything at once for long, while DynamoDB fails at random: by hand."""

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
from .rules import QUICK, SLOW, at_random

OPERATIONS = int(os.environ.get("SOAK_OPERATIONS", "100000"))
CLIENTS = 16
SHARES: dict[Fault, float] = {**dict.fromkeys(QUICK, 0.015), **dict.fromkeys(SLOW, 0.0005)}
# How often a client with a key asks again.
TRIES = 4
# Comments go to the newest tickets, so that clients meet; and a caller stays within a few pages.
OPEN_TICKETS = 40
# None is refused.
CHANGES = [{"status": "in_progress"}, {"status": "resolved"}, {"priority": "high"}]
CHANGES += [{"priority": "low"}]
TICKETS_OF_A_CALLER = 20


class Client:
    """One of the clients. `tickets` and `keyed` are what all of them have made."""

    def __init__(self, clients: Clients, tickets: list[str], keyed: list[Write]) -> None:
        self.clients, self.tickets, self.keyed = clients, tickets, keyed
        self.caller = ""
        self.made = 0
        self.done: Counter[str] = Counter()

    def run(self, operations: int) -> Counter[str]:
        self.create()
        acts = [self.create, self.comment, self.change, self.repeat, self.misuse]
        acts += [self.read, self.browse]
        for act in random.choices(acts, [2, 7, 1, 3, 1, 4, 2], k=operations):
            act()
            self.done[act.__name__] += 1
        return self.done

    def create(self) -> None:
        if self.made % TICKETS_OF_A_CALLER == 0:
            self.caller = f"caller {uuid4()}"
        self.made += 1
        self.tickets += [answer["ticket_id"] for answer in self.write("ticket", self.caller)]

    def comment(self) -> None:
        self.write("comment", random.choice(self.tickets[-OPEN_TICKETS:]))

    def change(self) -> None:
        wanted = random.choice(CHANGES)
        ticket = random.choice(self.tickets[-OPEN_TICKETS:])
        key, tries = random.choice([("", 1), (f"key {uuid4()}", TRIES)])
        response = self.clients.change(ticket, wanted, key, tries)
        self.see(response.status_code in (200, 500), "change", ticket, wanted, response.json)

    def write(self, kind: str, scope: str) -> list[dict[str, str]]:
        write = Write(kind, scope, f"words {uuid4()}")
        key, tries = random.choice([("", 1), (write.words, TRIES)])
        response = self.clients.write(write, key, tries)
        self.see(response.status_code in (200, 201, 500), "write", write, response.json)
        self.keyed += [write] if key else []
        return self.clients.told.get(write, [])

    def repeat(self) -> None:
        for write in self.keyed and [random.choice(self.keyed)]:
            response = self.clients.write(write, write.words, TRIES)
            self.see("Idempotency-Replayed" in response.headers, "repeat", write, response.json)

    def misuse(self) -> None:
        for write in self.keyed and [random.choice(self.keyed)]:
            other = write._replace(words=f"not {write.words}")
            response = self.clients.write(other, write.words, TRIES)
            self.see(response.status_code == 409, "misuse", other, response.json)

    def read(self) -> None:
        self.clients.read(random.choice(self.tickets[-OPEN_TICKETS:]))

    def browse(self) -> None:
        self.clients.browse(self.caller, limit=random.choice([7, 100]))

    def see(self, so: bool, *what: object) -> None:
        if not so:
            self.clients.unforeseen.append(what)


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True)
def test_a_soak_loses_nothing_and_doubles_nothing(
    clients: Clients,
    proxy: Proxy,
    capsys: pytest.CaptureFixture[str],
    pytestconfig: pytest.Config,
) -> None:
    tickets: list[str] = []
    keyed: list[Write] = []
    start = time.monotonic()
    proxy.rule = at_random(SHARES)
    with ThreadPoolExecutor(CLIENTS) as pool:
        share = OPERATIONS // CLIENTS
        runs = [pool.submit(Client(clients, tickets, keyed).run, share) for _ in range(CLIENTS)]
        done = sum((run.result() for run in runs), Counter[str]())
    seconds = time.monotonic() - start
    statuses = Counter(clients.statuses)
    violations = clients.violations()
    with capsys.disabled():
        say = pytestconfig.get_terminal_writer().line
        say(f"\n{done.total()} operations in {seconds:.0f} s: {dict(done)}")
        say(f"{len(proxy.met)} requests to DynamoDB, and what they met: {dict(Counter(proxy.met))}")
        say(f"answers: {dict(statuses)}")
        for kind in ("lost", "doubled", "unforeseen"):
            say(f"{kind}: {len(violations.get(kind, []))}")
    assert violations == {}
