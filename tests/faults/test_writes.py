"""Writes at once, by many, while DynamoDB fails."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.test import TestResponse

from itsm_app.storage import retry
from itsm_app.storage.models import Ticket

from .clients import Clients, Write
from .proxy import Exchange, Fault, Proxy
from .rules import QUICK, arrive_late, every, hang, hang_after_applying, in_turn, lose_answer, once

pytestmark = [
    pytest.mark.faults,
    pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True),
]

WRITERS = 16
COMMENTS = 400


def statuses(responses: list[TestResponse]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


@pytest.mark.parametrize("nth", [7, 3])
@pytest.mark.parametrize("fault", [*QUICK, hang_after_applying])
def test_400_comments_by_16_writers_are_400(
    clients: Clients, proxy: Proxy, caller: str, fault: Fault, nth: int
) -> None:
    ticket = clients.create(caller, "My printer is on fire").json["ticket_id"]

    def comment(number: int) -> TestResponse:
        return clients.comment(ticket, f"comment {number}", key=f"key {number}", tries=4)

    proxy.rule = every(nth, fault)
    with ThreadPoolExecutor(WRITERS) as pool:
        responses = list(pool.map(comment, range(COMMENTS)))
    assert statuses(responses) == {200: COMMENTS}
    assert fault.__name__ in proxy.met
    assert clients.violations() == {}
    shown = clients.read(ticket)["comments"]
    assert len({each["comment_id"] for each in shown}) == COMMENTS


@pytest.mark.parametrize("nth", [7, 3])
@pytest.mark.parametrize("fault", QUICK)
def test_48_repeats_of_one_key_at_once_are_one_write_and_one_answer(
    clients: Clients, proxy: Proxy, caller: str, fault: Fault, nth: int
) -> None:
    proxy.rule = every(nth, fault)
    with ThreadPoolExecutor(48) as pool:
        made = list(pool.map(lambda _: clients.create(caller, "Fire", "k", tries=4), range(48)))
        assert statuses(made) == {201: 48}
        ticket = made[0].json["ticket_id"]
        said = list(pool.map(lambda _: clients.comment(ticket, "Help", "k", tries=4), range(48)))
        assert statuses(said) == {200: 48}
    assert clients.violations() == {}


def test_of_48_repeats_all_but_one_say_so(clients: Clients, caller: str) -> None:
    with ThreadPoolExecutor(48) as pool:
        made = list(pool.map(lambda _: clients.create(caller, "Fire", "k"), range(48)))
    assert sum("Idempotency-Replayed" in response.headers for response in made) == 47
    assert clients.violations() == {}


def test_without_a_key_an_answer_lost_once_doubles_nothing(
    clients: Clients, proxy: Proxy, caller: str
) -> None:
    proxy.rule = once(0.05, lose_answer)

    def write(number: int) -> tuple[int, int]:
        made = clients.create(caller, f"ticket {number}")
        said = clients.comment(made.json["ticket_id"], "Hello?")
        return made.status_code, said.status_code

    with ThreadPoolExecutor(WRITERS) as pool:
        assert Counter(pool.map(write, range(COMMENTS))) == {(201, 200): COMMENTS}
    assert "lose_answer" in proxy.met
    assert clients.violations() == {}


def test_a_ticket_from_before_keys_takes_400_comments_once(
    clients: Clients, proxy: Proxy, caller: str
) -> None:
    old, moment = f"old {caller}", "2026-02-09T12:20:25.343883Z"
    ticket = Ticket(old, caller_id=caller, issue_description="Fire")
    ticket.created_at = ticket.updated_at = moment
    ticket.save()
    clients.asked[Write("ticket", caller, "Fire")] = "Fire"
    proxy.rule = every(3, lose_answer)
    with ThreadPoolExecutor(WRITERS) as pool:
        said = pool.map(lambda n: clients.comment(old, f"{n}", f"{n}", tries=4), range(COMMENTS))
        assert statuses(list(said)) == {200: COMMENTS}
    assert clients.violations() == {}


@pytest.mark.parametrize("fault", [lose_answer, arrive_late])
def test_a_ticket_that_fills_up_keeps_what_it_took_and_nothing_else(
    clients: Clients, proxy: Proxy, caller: str, fault: Fault
) -> None:
    ticket = clients.create(caller, "Fire").json["ticket_id"]
    proxy.rule = every(3, fault)

    def comment(number: int) -> TestResponse:
        return clients.comment(ticket, f"{number}".ljust(1000, "\U0001f525"), f"{number}", tries=4)

    with ThreadPoolExecutor(WRITERS) as pool:
        said = list(pool.map(comment, range(100)))
    assert clients.violations() == {}
    taken = statuses(said)
    assert taken.keys() == {200, 409}
    assert len(clients.read(ticket)["comments"]) == taken[200]
    assert statuses([comment(number) for number in range(100)]) == taken
    assert clients.violations() == {}


def test_a_change_that_arrives_again_much_later_is_not_made_again(
    clients: Clients, proxy: Proxy, caller: str
) -> None:
    ticket = clients.create(caller, "Fire").json["ticket_id"]

    def arrive_much_later(exchange: Exchange) -> None:
        late.append(exchange.request)
        exchange.reset()

    late: list[bytes] = []
    proxy.rule = in_turn([None, arrive_much_later])
    assert clients.change(ticket, {"status": "in_progress"}).status_code == 200
    assert clients.change(ticket, {"status": "resolved"}).status_code == 200
    assert clients.comment(ticket, "It still burns").status_code == 200
    proxy.put_off.extend(late)
    assert clients.violations() == {}
    assert clients.read(ticket)["status"] == "in_progress"


# What a write's requests to DynamoDB meet, where None lets one pass: after a write that was applied
# and not answered, the next is refused, and the app reads to see whose it was.
HANGS: list[list[Fault | None]] = [
    [hang, hang, hang],
    [hang, hang_after_applying, None, hang, hang, hang],
]


@pytest.mark.parametrize("faults", HANGS)
def test_hung_attempts_end_in_a_clean_answer_within_seven_seconds(
    clients: Clients,
    proxy: Proxy,
    caller: str,
    monkeypatch: pytest.MonkeyPatch,
    faults: list[Fault | None],
) -> None:
    ticket = clients.create(caller, "Fire").json["ticket_id"]
    monkeypatch.setattr(retry, "waits", True)

    def answer(case: tuple[str, str, str]) -> tuple[float, TestResponse]:
        start = time.monotonic()
        response = clients.write(Write(*case[:2], f"with {case[2]}"), case[2])
        return time.monotonic() - start, response

    writes = [("ticket", caller), ("comment", ticket)]
    proxy.rule = in_turn(faults)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(answer, [(*write, key) for write in writes for key in ("", "k")]))
    assert max(seconds for seconds, _ in answers) < 7
    assert {response.json.get("code") for _, response in answers} <= {None, "storage_unavailable"}
    assert clients.violations() == {}
