"""Any sequence of operations, repeats and faults, compared with a model of what was said."""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from uuid import uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    multiple,
    rule,
    run_state_machine_as_test,
)

from itsm_app import create_app

from .clients import Clients, Write
from .proxy import Fault, Proxy
from .rules import QUICK, in_turn

KEYS = st.sampled_from(["", "k", "l"])
WORDS = st.sampled_from(["one", "other"])
# None is refused: what is closed is in tests/test_life_cycle.py.
CHANGES = st.sampled_from(
    [
        {"status": "in_progress"},
        {"status": "resolved"},
        {"priority": "high"},
        {"priority": "low", "assignee": "anna"},
    ]
)
FAULTS = st.lists(st.sampled_from([None, *QUICK]), max_size=5)
EXAMPLES = [
    pytest.param(25, marks=pytest.mark.faults),
    pytest.param(250, marks=pytest.mark.soak),
]
number = count()


class Desk(RuleBasedStateMachine):
    """`asked` has the words that were sent under a key, and `told` those that were taken."""

    app: Flask
    proxy: Proxy
    tickets: Bundle[str] = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self.clients = Clients(self.app, self.proxy)
        self.caller = f"caller {uuid4()}"
        self.asked: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.told: dict[tuple[str, str], str] = {}

    @rule(target=tickets, key=KEYS, words=WORDS, faults=FAULTS)
    def create(
        self, key: str, words: str, faults: list[Fault | None]
    ) -> str | MultipleResults[str]:
        answer = self.write("ticket", self.caller, key, words, faults)
        return answer["ticket_id"] if "ticket_id" in answer else multiple()

    @rule(ticket=tickets, key=KEYS, words=WORDS, faults=FAULTS)
    def comment(self, ticket: str, key: str, words: str, faults: list[Fault | None]) -> None:
        self.write("comment", ticket, key, words, faults)

    @rule(ticket=tickets, key=KEYS, wanted=CHANGES, faults=FAULTS)
    def change(
        self, ticket: str, key: str, wanted: dict[str, str], faults: list[Fault | None]
    ) -> None:
        slot, words = (ticket, f"change under {key}"), str(wanted)
        others = self.asked[slot] - {words}
        self.asked[slot].add(words)
        self.proxy.rule = in_turn(faults)
        response = self.clients.change(ticket, wanted, key)
        if response.status_code == 409:
            assert response.json["code"] == "idempotency_key_reused"
            assert key
            assert others
        else:
            assert response.status_code in (200, 500)
            # What was done under the key may be long undone.
            assert key or response.status_code == 500 or wanted.items() <= response.json.items()
        assert self.clients.unforeseen == []

    @rule(ticket=tickets, faults=FAULTS)
    def read(self, ticket: str, faults: list[Fault | None]) -> None:
        self.proxy.rule = in_turn(faults)
        self.clients.read(ticket)
        assert self.clients.unforeseen == []

    def write(
        self, kind: str, scope: str, key: str, words: str, faults: list[Fault | None]
    ) -> dict[str, str]:
        words = f"{words} under {key or next(number)}"
        slot = scope, key or words
        self.proxy.rule = in_turn(faults)
        response = self.clients.write(Write(kind, scope, words), key)
        others, taken = self.asked[slot] - {words}, self.told.get(slot)
        self.asked[slot].add(words)
        if response.status_code == 409:
            assert response.json["code"] == "idempotency_key_reused"
            assert others
            assert taken != words
        elif response.status_code != 500:
            assert response.status_code in (200, 201)
            assert taken in (None, words)
            assert taken is None or "Idempotency-Replayed" in response.headers
            self.told[slot] = words
        assert self.clients.unforeseen == []
        return dict(response.json)

    def teardown(self) -> None:
        assert self.clients.violations() == {}


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True)
@pytest.mark.usefixtures("clients")
def test_whatever_happens_in_whatever_order_is_as_it_was_said(proxy: Proxy, examples: int) -> None:
    # Hypothesis makes the instances.
    Desk.app, Desk.proxy = create_app(), proxy
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
