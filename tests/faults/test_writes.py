"""Tests of concurrent writes while DynamoDB fails."""

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
from .rules import (
    FAST_FAULTS,
    delay_request,
    every_nth_write,
    hang,
    hang_after_applying,
    in_sequence,
    lose_response,
    once_per_operation,
)

pytestmark = [
    pytest.mark.faults,
    pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True),
]

WRITERS = 16
COMMENTS = 400
# How many writers and tickets a test with several kinds of writes has.
MIXED = 8


def statuses(responses: list[TestResponse]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


@pytest.mark.parametrize("nth", [7, 3])
@pytest.mark.parametrize("fault", [*FAST_FAULTS, hang_after_applying])
def test_stores_400_comments_of_16_concurrent_writers_once(
    clients: Clients, proxy: Proxy, caller: str, fault: Fault, nth: int
) -> None:
    ticket = clients.create(caller, "My printer is on fire").json["ticket_id"]

    def comment(number: int) -> TestResponse:
        return clients.comment(ticket, f"comment {number}", key=f"key {number}", attempts=4)

    proxy.rule = every_nth_write(nth, fault)
    with ThreadPoolExecutor(WRITERS) as pool:
        responses = list(pool.map(comment, range(COMMENTS)))
    assert statuses(responses) == {200: COMMENTS}
    assert fault.__name__ in proxy.fault_names
    assert clients.violations() == {}
    stored = clients.read(ticket)["comments"]
    assert len({comment["comment_id"] for comment in stored}) == COMMENTS


@pytest.mark.parametrize("nth", [7, 3])
@pytest.mark.parametrize("fault", FAST_FAULTS)
def test_48_concurrent_requests_with_one_key_store_one_write(
    clients: Clients, proxy: Proxy, caller: str, fault: Fault, nth: int
) -> None:
    proxy.rule = every_nth_write(nth, fault)
    with ThreadPoolExecutor(48) as pool:
        created = list(
            pool.map(lambda _: clients.create(caller, "Fire", "k", attempts=4), range(48))
        )
        assert statuses(created) == {201: 48}
        ticket = created[0].json["ticket_id"]
        comments = list(
            pool.map(lambda _: clients.comment(ticket, "Help", "k", attempts=4), range(48))
        )
        assert statuses(comments) == {200: 48}
    assert clients.violations() == {}


@pytest.mark.parametrize("kind", ["note", "handover"])
@pytest.mark.parametrize("fault", FAST_FAULTS)
def test_48_concurrent_requests_with_one_key_store_one_note_or_hand_over(
    clients: Clients, proxy: Proxy, caller: str, fault: Fault, kind: str
) -> None:
    ticket = clients.create(caller, "Fire").json["ticket_id"]
    proxy.rule = every_nth_write(3, fault)
    write = Write(kind, ticket, "Send somebody")
    with ThreadPoolExecutor(48) as pool:
        written = list(pool.map(lambda _: clients.write(write, "k", attempts=4), range(48)))
    assert statuses(written) == {200: 48}
    assert clients.violations() == {}


@pytest.mark.parametrize("fault", FAST_FAULTS)
def test_stores_each_of_96_concurrent_notes_hand_overs_and_comments_once(
    clients: Clients, proxy: Proxy, caller: str, fault: Fault
) -> None:
    tickets = [clients.create(caller, f"ticket {n}").json["ticket_id"] for n in range(MIXED)]

    def write(number: int) -> int:
        kind = ("note", "handover", "comment")[number % 3]
        ticket = tickets[number % MIXED]
        if number % 5 == 0:
            clients.change(ticket, {"status": "in_progress"}, f"key {number}", attempts=4)
        written = clients.write(Write(kind, ticket, f"{kind} {number}"), f"{number}", attempts=4)
        return written.status_code

    proxy.rule = every_nth_write(3, fault)
    with ThreadPoolExecutor(MIXED) as pool:
        assert Counter(pool.map(write, range(96))) == {200: 96}
    assert clients.violations() == {}


def test_47_of_48_concurrent_requests_with_one_key_are_marked_as_replayed(
    clients: Clients, caller: str
) -> None:
    with ThreadPoolExecutor(48) as pool:
        created = list(pool.map(lambda _: clients.create(caller, "Fire", "k"), range(48)))
    assert sum("Idempotency-Replayed" in response.headers for response in created) == 47
    assert clients.violations() == {}


def test_lost_response_without_a_key_duplicates_nothing(
    clients: Clients, proxy: Proxy, caller: str
) -> None:
    proxy.rule = once_per_operation(0.05, lose_response)

    def write(number: int) -> tuple[int, int]:
        created = clients.create(caller, f"ticket {number}")
        comment = clients.comment(created.json["ticket_id"], "Hello?")
        return created.status_code, comment.status_code

    with ThreadPoolExecutor(WRITERS) as pool:
        assert Counter(pool.map(write, range(COMMENTS))) == {(201, 200): COMMENTS}
    assert "lose_response" in proxy.fault_names
    assert clients.violations() == {}


def test_ticket_without_idempotency_fields_stores_400_comments_once(
    clients: Clients, proxy: Proxy, caller: str
) -> None:
    old, moment = f"old {caller}", "2026-02-09T12:20:25.343883Z"
    ticket = Ticket(old, caller_id=caller, issue_description="Fire")
    ticket.created_at = ticket.updated_at = moment
    ticket.save()
    clients.requested[Write("ticket", caller, "Fire")] = "Fire"
    proxy.rule = every_nth_write(3, lose_response)
    with ThreadPoolExecutor(WRITERS) as pool:
        comments = pool.map(
            lambda n: clients.comment(old, f"{n}", f"{n}", attempts=4), range(COMMENTS)
        )
        assert statuses(list(comments)) == {200: COMMENTS}
    assert clients.violations() == {}


@pytest.mark.parametrize("fault", [lose_response, delay_request])
def test_full_ticket_keeps_exactly_the_accepted_comments(
    clients: Clients, proxy: Proxy, caller: str, fault: Fault
) -> None:
    ticket = clients.create(caller, "Fire").json["ticket_id"]
    proxy.rule = every_nth_write(3, fault)

    def comment(number: int) -> TestResponse:
        return clients.comment(
            ticket, f"{number}".ljust(1000, "\U0001f525"), f"{number}", attempts=4
        )

    with ThreadPoolExecutor(WRITERS) as pool:
        comments = list(pool.map(comment, range(100)))
    assert clients.violations() == {}
    accepted = statuses(comments)
    assert accepted.keys() == {200, 409}
    assert len(clients.read(ticket)["comments"]) == accepted[200]
    assert statuses([comment(number) for number in range(100)]) == accepted
    assert clients.violations() == {}


def test_delayed_duplicate_of_a_change_has_no_effect(
    clients: Clients, proxy: Proxy, caller: str
) -> None:
    ticket = clients.create(caller, "Fire").json["ticket_id"]

    def arrive_much_later(exchange: Exchange) -> None:
        late.append(exchange.request)
        exchange.reset()

    late: list[bytes] = []
    proxy.rule = in_sequence([None, arrive_much_later])
    assert clients.change(ticket, {"status": "in_progress"}).status_code == 200
    assert clients.change(ticket, {"status": "resolved"}).status_code == 200
    assert clients.comment(ticket, "It still burns").status_code == 200
    proxy.delayed.extend(late)
    assert clients.violations() == {}
    assert clients.read(ticket)["status"] == "in_progress"


# The faults of a write's requests to DynamoDB. None forwards a request. After an applied write
# without a response, the conditional write of the retry fails. The app then reads the item to find
# out whether its own write was applied.
HANGS: list[list[Fault | None]] = [
    [hang, hang, hang],
    [hang, hang_after_applying, None, hang, hang, hang],
]


@pytest.mark.parametrize("faults", HANGS)
def test_hanging_attempts_end_with_a_response_within_seven_seconds(
    clients: Clients,
    proxy: Proxy,
    caller: str,
    monkeypatch: pytest.MonkeyPatch,
    faults: list[Fault | None],
) -> None:
    ticket = clients.create(caller, "Fire").json["ticket_id"]
    monkeypatch.setattr(retry, "waits", True)

    def measure(case: tuple[str, str, str]) -> tuple[float, TestResponse]:
        start = time.monotonic()
        response = clients.write(Write(*case[:2], f"with {case[2]}"), case[2])
        return time.monotonic() - start, response

    writes = [("ticket", caller), ("comment", ticket)]
    proxy.rule = in_sequence(faults)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(measure, [(*write, key) for write in writes for key in ("", "k")]))
    assert max(seconds for seconds, _ in results) < 7
    assert {response.json.get("code") for _, response in results} <= {None, "storage_unavailable"}
    assert clients.violations() == {}
