"""People of the desk who all want the same tickets, while DynamoDB fails."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from itsm_app import config, create_app
from itsm_app.api import auth

from .clients import Clients
from .proxy import Proxy
from .rules import QUICK, at_random

pytestmark = [
    pytest.mark.faults,
    pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True),
]

TICKETS = 50
DESKS = [f"desk-{number}" for number in range(16)]
TRIES = 9
TIMEOUT_SECONDS = 60


class Desk:
    """Somebody of the desk, with a key of their own."""

    def __init__(self, app: Flask, name: str, key: str) -> None:
        self.name = name
        self._app, self._key = app, key

    def take(self, ticket: str) -> TestResponse:
        """Ask for a ticket, until there is an answer."""
        headers = {"x-api-key": self._key, "Idempotency-Key": f"{self.name} takes it"}
        body = {"status": "in_progress", "assignee": self.name, "comment": f"{self.name} is on it"}
        for _ in range(TRIES):
            client = self._app.test_client()
            response = client.patch(f"/tickets/{ticket}", json=body, headers=headers)
            if response.status_code < 500:
                break
        return response


@pytest.fixture
def desks(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> list[Desk]:
    made = {name: auth.make(name, "desk") for name in DESKS}
    monkeypatch.setattr(config, "API_KEYS", ",".join(entry for _, entry in made.values()))
    app = create_app()
    return [Desk(app, name, key) for name, (key, _) in made.items()]


def test_of_16_desks_who_race_for_each_of_50_tickets_one_wins_each(
    clients: Clients, proxy: Proxy, caller: str, desks: list[Desk]
) -> None:
    made = [clients.create(caller, f"ticket {number}") for number in range(TICKETS)]
    tickets = [each.json["ticket_id"] for each in made]
    start = Barrier(len(desks), timeout=TIMEOUT_SECONDS)

    def race(desk: Desk) -> list[TestResponse]:
        answers = []
        for ticket in tickets:
            start.wait()
            answers.append(desk.take(ticket))
        return answers

    proxy.rule = at_random(dict.fromkeys(QUICK, 0.04))
    with ThreadPoolExecutor(len(desks)) as pool:
        races = zip(*pool.map(race, desks), strict=True)
    assert {fault.__name__ for fault in QUICK} <= {*proxy.met}
    proxy.settle()
    winners = [
        assert_one_took(clients, ticket, answers)
        for ticket, answers in zip(tickets, races, strict=True)
    ]
    # Had it always been the same, there was no race.
    assert len({*winners}) > 1


def assert_one_took(clients: Clients, ticket: str, answers: tuple[TestResponse, ...]) -> str:
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == {200: 1, 409: len(DESKS) - 1}
    found = clients.read(f"{ticket}?history=all")
    winner = str(found["assignee"])
    for name, answer in zip(DESKS, answers, strict=True):
        if answer.status_code == 200:
            assert name == winner
        else:
            assert (answer.json["code"], winner in answer.json["error"]) == (
                "already_assigned",
                True,
            )
    assert [(each["author"], each["comment_text"]) for each in found["comments"]] == [
        (winner, f"{winner} is on it")
    ]
    told = [(each["field"], each.get("to"), each["changed_by"]) for each in found["history"]]
    assert sorted(told) == [("assignee", winner, winner), ("status", "in_progress", winner)]
    return winner
