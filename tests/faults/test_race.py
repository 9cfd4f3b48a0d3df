"""Tests of desk users who assign the same tickets to themselves while DynamoDB fails."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from itsm_app import config
from itsm_app.api import auth
from tests.support.keyless import keyless_app

from .clients import Clients
from .proxy import Proxy
from .rules import FAST_FAULTS, random_faults

pytestmark = [
    pytest.mark.faults,
    pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True),
]

TICKETS = 50
NAMES = [f"desk-{number}" for number in range(16)]
MAX_ATTEMPTS = 9
TIMEOUT_SECONDS = 60


class DeskUser:
    """A desk user with their own API key."""

    def __init__(self, app: Flask, name: str, key: str) -> None:
        self.name = name
        self._app, self._key = app, key

    def take(self, ticket: str) -> TestResponse:
        """Assign a ticket to this user. Repeat the request until it does not fail."""
        headers = {"x-api-key": self._key, "Idempotency-Key": f"{self.name} takes it"}
        body = {"status": "in_progress", "assignee": self.name, "comment": f"{self.name} is on it"}
        for _ in range(MAX_ATTEMPTS):
            client = self._app.test_client()
            response = client.patch(f"/tickets/{ticket}", json=body, headers=headers)
            if response.status_code < 500:
                break
        return response


@pytest.fixture
def desk_users(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> list[DeskUser]:
    keys = {name: auth.make(name, "desk") for name in NAMES}
    monkeypatch.setattr(config, "API_KEYS", ",".join(entry for _, entry in keys.values()))
    app = keyless_app()
    return [DeskUser(app, name, key) for name, (key, _) in keys.items()]


def test_exactly_one_of_16_desk_users_gets_each_ticket(
    clients: Clients, proxy: Proxy, caller: str, desk_users: list[DeskUser]
) -> None:
    created = [clients.create(caller, f"ticket {number}") for number in range(TICKETS)]
    tickets = [response.json["ticket_id"] for response in created]
    start = Barrier(len(desk_users), timeout=TIMEOUT_SECONDS)

    def race(desk_user: DeskUser) -> list[TestResponse]:
        responses = []
        for ticket in tickets:
            start.wait()
            responses.append(desk_user.take(ticket))
        return responses

    proxy.rule = random_faults(dict.fromkeys(FAST_FAULTS, 0.04))
    with ThreadPoolExecutor(len(desk_users)) as pool:
        races = zip(*pool.map(race, desk_users), strict=True)
    assert {fault.__name__ for fault in FAST_FAULTS} <= {*proxy.fault_names}
    proxy.settle()
    winners = [
        assert_one_winner(clients, ticket, responses)
        for ticket, responses in zip(tickets, races, strict=True)
    ]
    # If one user won every time, the users did not race.
    assert len({*winners}) > 1


def assert_one_winner(clients: Clients, ticket: str, responses: tuple[TestResponse, ...]) -> str:
    """Assert that exactly one user got the ticket, and return the user's name."""
    statuses = Counter(response.status_code for response in responses)
    assert statuses == {200: 1, 409: len(NAMES) - 1}
    found = clients.read(f"{ticket}?history=all")
    winner = str(found["assignee"])
    for name, response in zip(NAMES, responses, strict=True):
        if response.status_code == 200:
            assert name == winner
        else:
            assert (response.json["code"], winner in response.json["error"]) == (
                "already_assigned",
                True,
            )
    assert [(comment["author"], comment["comment_text"]) for comment in found["comments"]] == [
        (winner, f"{winner} is on it")
    ]
    history = [(event["field"], event.get("to"), event["changed_by"]) for event in found["history"]]
    assert sorted(history) == [("assignee", winner, winner), ("status", "in_progress", winner)]
    return winner
