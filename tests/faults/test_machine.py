"""Stateful tests: random sequences of operations and faults, compared with a model."""

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

from tests.support.keyless import keyless_app

from .clients import Clients, Write
from .proxy import Fault, Proxy
from .rules import FAST_FAULTS, in_sequence

KEYS = st.sampled_from(["", "k", "l"])
TEXTS = st.sampled_from(["one", "other"])
# The app rejects none of these changes. tests/tickets/test_lifecycle.py tests closed tickets.
CHANGES = st.sampled_from(
    [
        {"status": "in_progress"},
        {"status": "resolved"},
        {"priority": "high"},
        {"priority": "low", "assignee": "anna"},
    ]
)
FAULTS = st.lists(st.sampled_from([None, *FAST_FAULTS]), max_size=5)
EXAMPLES = [
    pytest.param(25, marks=pytest.mark.faults),
    pytest.param(250, marks=pytest.mark.soak),
]
numbers = count()


class TicketMachine(RuleBasedStateMachine):
    """A client and its model of the idempotency keys.

    `requested` has all texts sent with a key, and `acknowledged` the text that the app accepted.
    """

    app: Flask
    proxy: Proxy
    tickets: Bundle[str] = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self.clients = Clients(self.app, self.proxy)
        self.caller = f"caller {uuid4()}"
        self.requested: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.acknowledged: dict[tuple[str, str], str] = {}

    @rule(target=tickets, key=KEYS, text=TEXTS, faults=FAULTS)
    def create(self, key: str, text: str, faults: list[Fault | None]) -> str | MultipleResults[str]:
        response = self.write("ticket", self.caller, key, text, faults)
        return response["ticket_id"] if "ticket_id" in response else multiple()

    @rule(ticket=tickets, key=KEYS, text=TEXTS, faults=FAULTS)
    def comment(self, ticket: str, key: str, text: str, faults: list[Fault | None]) -> None:
        self.write("comment", ticket, key, text, faults)

    @rule(ticket=tickets, key=KEYS, changes=CHANGES, faults=FAULTS)
    def change(
        self, ticket: str, key: str, changes: dict[str, str], faults: list[Fault | None]
    ) -> None:
        slot, text = (ticket, f"change under {key}"), str(changes)
        other_texts = self.requested[slot] - {text}
        self.requested[slot].add(text)
        self.proxy.rule = in_sequence(faults)
        response = self.clients.change(ticket, changes, key)
        if response.status_code == 409:
            assert response.json["code"] == "idempotency_key_reused"
            assert key
            assert other_texts
        else:
            assert response.status_code in (200, 500)
            # A replayed change may have been overwritten by later changes.
            assert key or response.status_code == 500 or changes.items() <= response.json.items()
        assert self.clients.unexpected == []

    @rule(ticket=tickets, faults=FAULTS)
    def read(self, ticket: str, faults: list[Fault | None]) -> None:
        self.proxy.rule = in_sequence(faults)
        self.clients.read(ticket)
        assert self.clients.unexpected == []

    def write(
        self, kind: str, scope: str, key: str, text: str, faults: list[Fault | None]
    ) -> dict[str, str]:
        text = f"{text} under {key or next(numbers)}"
        slot = scope, key or text
        self.proxy.rule = in_sequence(faults)
        response = self.clients.write(Write(kind, scope, text), key)
        other_texts, acknowledged = self.requested[slot] - {text}, self.acknowledged.get(slot)
        self.requested[slot].add(text)
        if response.status_code == 409:
            assert response.json["code"] == "idempotency_key_reused"
            assert other_texts
            assert acknowledged != text
        elif response.status_code != 500:
            assert response.status_code in (200, 201)
            assert acknowledged in (None, text)
            assert acknowledged is None or "Idempotency-Replayed" in response.headers
            self.acknowledged[slot] = text
        assert self.clients.unexpected == []
        return dict(response.json)

    def teardown(self) -> None:
        assert self.clients.violations() == {}


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True)
@pytest.mark.usefixtures("clients")
def test_any_sequence_of_operations_and_faults_matches_the_model(
    proxy: Proxy, examples: int
) -> None:
    # Hypothesis creates the instances, so the class holds the app and the proxy.
    TicketMachine.app, TicketMachine.proxy = keyless_app(), proxy
    run_state_machine_as_test(
        TicketMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
