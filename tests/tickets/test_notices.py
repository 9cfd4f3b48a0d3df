"""Tests of the notice: posting, reading and ending it, and joining its incident."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from itsm_app.api import optional_requests
from itsm_app.storage import expiry, items, notice
from itsm_app.storage.export_format import from_line, to_line
from itsm_app.storage.models import Ticket
from itsm_app.tickets import notices

from ..conftest import ON_MOTO, Log
from ..support.desk import AGENT, ANNA, BOB
from ..support.exhaustive import one_per_path
from ..support.faulty_dynamodb import FaultyDynamoDB, apply, apply_and_drop, at, pass_on, refuse
from ..support.mcp_messages import call, text_content
from .test_erasure import erase_caller

pytestmark = [ON_MOTO, pytest.mark.usefixtures("empty_table")]

TEXT = "E-mail is down, we are working on it"
OLD = "2001-02-03T04:05:06.000000Z"
LATER = "9001-02-03T04:05:06.000000Z"
CONFLICT = refuse("ConditionalCheckFailedException")


class Service:
    """A client with the keys of the desk and of an agent."""

    def __init__(self, app: Flask, caller: str) -> None:
        self.client = app.test_client()
        self.caller = caller

    def send(self, method: str, path: str, key: str = AGENT, **body: Any) -> TestResponse:
        headers = {"x-api-key": key}
        return self.client.open(path, method=method, json=body or None, headers=headers)

    def post(self, key: str = ANNA, **fields: Any) -> Any:
        response = self.send("PUT", "/notice", key, **{"text": TEXT, "minutes": 60, **fields})
        assert response.status_code == 200, response.text
        return response.json["notice"]

    def show(self) -> Any:
        return self.send("GET", "/notice", ANNA).json

    def create(self, key: str = AGENT, **fields: Any) -> Any:
        body = {"caller_id": self.caller, "issue_description": "No e-mail", **fields}
        return self.send("POST", "/tickets", key, **body)

    def listed(self) -> Any:
        return self.send("GET", f"/tickets?caller={self.caller.replace('+', '%2B')}").json

    def desk(self, number: str) -> Any:
        return self.send("GET", f"/tickets/{number}", ANNA).json


@pytest.fixture
def service(desk_app: Flask, caller: str) -> Service:
    return Service(desk_app, caller)


@pytest.fixture
def incident(service: Service) -> str:
    """Create the ticket of an incident, of another caller, and return its number."""
    return str(service.create(caller_id="+15550000").json["ticket_number"])


def know(found: notices.Notice | None = None, fresh_until: int = 0) -> None:
    """Set what this process knows of the notice. By default, the next request reads it."""
    notices.Memory.known = notices.Known(found, fresh_until)


def seconds_until(time: str) -> float:
    return (datetime.fromisoformat(time) - datetime.now(UTC)).total_seconds()


def test_desk_posts_replaces_and_ends_a_notice(service: Service, incident: str) -> None:
    assert service.show() == {}
    posted = service.post(ticket_number=incident.replace("-", ""))
    assert 3500 < seconds_until(posted["ends_at"]) <= 3600
    assert -60 < seconds_until(posted["posted_at"]) <= 0
    times = {name: posted[name] for name in ("ends_at", "posted_at")}
    assert posted == {"text": TEXT, "ticket_number": incident, "posted_by": "anna.b", **times}
    assert service.show() == {"notice": posted}
    told = {"text": TEXT, "ends_at": posted["ends_at"], "ticket_number": incident}
    assert service.create().json["notice"] == told
    assert service.listed()["notice"] == told
    ends_at = datetime.now(UTC) + timedelta(hours=23, minutes=59)
    replaced = service.post(BOB, text="It is back", minutes=None, ends_at=ends_at.isoformat())
    assert replaced["posted_by"] == "bob"
    assert datetime.fromisoformat(replaced["ends_at"]) == ends_at
    assert "ticket_number" not in service.create().json["notice"]
    assert [service.send("DELETE", "/notice", ANNA).json for _ in range(2)] == [{}, {}]
    assert service.show() == {}
    assert "notice" not in service.create().json
    assert "notice" not in service.listed()
    assert service.post()["text"] == TEXT


def ahead(**duration: float) -> str:
    return (datetime.now(UTC) + timedelta(**duration)).isoformat()


INVALID: dict[str, tuple[Any, str, str]] = {
    "no text": ({"text": None}, "invalid_field", "`text` must be a text of 1 to 300"),
    "blank": ({"text": " "}, "invalid_field", "`text` must be a text of 1 to 300"),
    "long": ({"text": "x" * 301}, "invalid_field", "but it is 301 characters long."),
    "no end": ({"minutes": None}, "invalid_field", "`ends_at` is missing"),
    "two ends": (
        {"ends_at": ahead(hours=1)},
        "invalid_field",
        "`minutes` must be left out if ends_at is sent",
    ),
    "no minutes": ({"minutes": 0}, "invalid_field", "`minutes` must be a whole number from 1 to"),
    "many minutes": ({"minutes": 1441}, "invalid_field", "`minutes` must be a whole number"),
    "past": ({"minutes": None, "ends_at": OLD}, "invalid_field", "`ends_at` must be in the future"),
    "far": (
        {"minutes": None, "ends_at": ahead(hours=48)},
        "invalid_field",
        "at most 24 hours ahead",
    ),
    "last time": (
        {"minutes": None, "ends_at": "9999-12-31T23:59:59-23:59"},
        "invalid_field",
        "`ends_at` must be in the future, at most 24 hours ahead, but it is not.",
    ),
    "no time zone": (
        {"minutes": None, "ends_at": "2026-11-23T22:08:48"},
        "invalid_field",
        "`ends_at` must be a time with a time zone",
    ),
    "no time": ({"minutes": None, "ends_at": "soon"}, "invalid_field", 'but it is "soon".'),
    "number is misheard": ({"ticket_number": "123"}, "misheard_number", "3-digit number"),
    "no such ticket": ({"ticket_number": "x"}, "ticket_not_found", "No ticket that this request"),
    "canned answers": ({"ticket_number": "canned-answers"}, "ticket_not_found", "No ticket"),
    "notice": ({"ticket_number": "notice"}, "ticket_not_found", "No ticket that this request"),
    "closed": ({"ticket_number": "closed"}, "invalid_field", "`ticket_number` must be a ticket"),
    "no number": ({"ticket_number": "old"}, "invalid_field", "`ticket_number` must be a ticket"),
}


@pytest.mark.parametrize("name", one_per_path(INVALID, lambda name: name != "many minutes"))
def test_rejects_an_invalid_notice(service: Service, name: str) -> None:
    texts: dict[str, Any] = {"caller_id": "a", "issue_description": "b", "created_at": OLD}
    texts["updated_at"] = OLD
    items.put_new(Ticket(ticket_id="closed", status="closed", ticket_number="1", **texts))
    items.put_new(Ticket(ticket_id="old", **texts))
    fields, code, message = INVALID[name]
    body = {"text": TEXT, "minutes": 60, **fields}
    response = service.send("PUT", "/notice", ANNA, **body)
    assert (response.status_code, response.json["code"]) == (
        404 if code == "ticket_not_found" else 400,
        code,
    )
    assert message in response.json["error"]
    assert service.show() == {}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_bound_request_cannot_use_the_notice(
    service: Service, faults: FaultyDynamoDB, method: str
) -> None:
    headers = {"x-api-key": ANNA, "X-Caller-Id": service.caller}
    body = {"text": TEXT, "minutes": 60}
    response = service.client.open("/notice", method=method, json=body, headers=headers)
    assert (response.status_code, response.json["code"]) == (403, "role_refused")
    assert "bound to a caller by X-Caller-Id" in response.json["error"]
    assert faults.operations == []


def test_a_write_is_repeated_after_a_conflict_and_after_a_lost_response(
    service: Service, faults: FaultyDynamoDB
) -> None:
    faults.faults += [apply, CONFLICT, apply, apply_and_drop]
    posted = service.post()
    assert service.show() == {"notice": posted}
    faults.faults += [apply, CONFLICT] * 3
    busy = service.send("PUT", "/notice", ANNA, text=TEXT, minutes=5)
    assert (busy.status_code, busy.json["code"]) == (409, "ticket_busy")
    assert "Others changed the notice at the same moment" in busy.json["error"]
    assert busy.json["retryable"] is True


def test_a_process_reads_the_notice_every_30_seconds_and_only_for_creates_and_lists(
    service: Service, faults: FaultyDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = service.post()
    now = expiry.clock()
    monkeypatch.setattr(expiry, "clock", lambda: now)
    know()
    faults.operations.clear()
    number = service.create().json["ticket_number"]
    assert faults.operations == ["PutItem", "GetItem"]
    faults.operations.clear()
    assert service.create().json["notice"]["ends_at"] == posted["ends_at"]
    assert service.listed()["notice"]["text"] == TEXT
    assert faults.operations == ["PutItem", "Query"]
    # Another process ends the notice.
    _, revision = notice.read()
    assert notice.replace({}, revision)
    for later, is_told in ((29, True), (30, False), (31, False)):
        monkeypatch.setattr(expiry, "clock", lambda later=later: now + later)
        assert ("notice" in service.create().json) is is_told
    know()
    faults.operations.clear()
    service.send("GET", f"/tickets/{number}")
    service.send("POST", f"/tickets/{number}/comments", comment="Hello?")
    assert faults.operations == ["GetItem", "UpdateItem"]
    assert "notice" not in service.listed()
    assert faults.operations == ["GetItem", "UpdateItem", "Query", "GetItem"]


def stored(ends_at: str = LATER, **texts: str) -> dict[str, str]:
    return {"text": TEXT, "ends_at": ends_at, "posted_by": "a", "posted_at": OLD, **texts}


@pytest.mark.parametrize(
    ("texts", "is_told"),
    [(stored(), True), (stored(OLD), False), ({"text": TEXT, "ends_at": LATER}, False)],
)
def test_a_notice_that_has_ended_or_is_incomplete_is_not_told(
    service: Service, texts: dict[str, str], is_told: bool
) -> None:
    assert notice.replace(texts, 0)
    know()
    for response in (service.create().json, service.listed(), service.show()):
        assert ("notice" in response) is is_told


def test_a_failed_read_of_the_notice_is_logged_and_not_repeated_soon(
    service: Service, faults: FaultyDynamoDB, log: Log
) -> None:
    know(notices.Notice(*stored().values()))
    faults.faults += [apply, refuse("ThrottlingException")]
    response = service.create()
    assert response.status_code == 201
    assert response.json["notice"]["text"] == TEXT
    (line,) = log.lines("notice_not_read")
    assert line["cause"] == "ThrottlingException"
    faults.operations.clear()
    assert service.create().json["notice"]["text"] == TEXT
    assert faults.operations == ["PutItem"]


def test_the_notice_is_not_read_if_time_is_short_or_if_another_thread_reads_it(
    service: Service, faults: FaultyDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert notice.replace(stored(), 0)
    know()
    with notices.Memory.lock:
        assert "notice" not in service.create().json
    with monkeypatch.context() as patch:
        patch.setattr(optional_requests, "LAST_START_SECONDS", -1)
        assert "notice" not in service.create().json
    assert service.create().json["notice"]["text"] == TEXT


def test_a_slow_read_does_not_hide_the_notice_that_was_posted_meanwhile(
    service: Service, faults: FaultyDynamoDB, log: Log
) -> None:
    def post(engine: FaultyDynamoDB) -> Any:
        def app(environ: Any, start_response: Any) -> Any:
            found = list(pass_on(environ, start_response))
            service.post()
            return found

        return app

    know()
    faults.faults.append(at("GetItem", post))
    assert service.create().json["notice"]["text"] == TEXT
    assert log.lines("notice_not_read") == []


def test_callers_join_the_incident_and_only_the_desk_sees_the_links(
    service: Service, incident: str
) -> None:
    service.post(ticket_number=incident)
    before = service.send("GET", f"/tickets/{incident}", ANNA)
    assert "children" not in before.json
    joined = [
        service.create(caller_id=caller, join_notice=True).json["ticket_number"]
        for caller in (service.caller, "anonymous")
    ]
    joined.append(service.create(ANNA, join_notice=True).json["ticket_number"])
    after = service.send("GET", f"/tickets/{incident}", ANNA)
    assert after.json == {**before.json, "children": sorted(joined)}
    # A person at the desk can still save the change of the ticket that the page shows.
    assert after.headers["ETag"] == before.headers["ETag"]
    assert [service.desk(each)["parent"] for each in joined] == [incident] * 3
    bound = {"x-api-key": ANNA, "X-Caller-Id": service.caller}
    for headers in ({"x-api-key": AGENT}, bound):
        for number in (joined[0], incident):
            found = service.client.get(f"/tickets/{number}", headers=headers).json
            assert {"parent", "children"}.isdisjoint(found)
    assert service.client.get(f"/tickets/{incident}", headers=bound).status_code == 404
    assert "parent" not in service.client.get("/tickets", headers=bound).json["tickets"][0]


def test_a_repetition_stays_a_replay_after_the_notice_has_ended(
    service: Service, incident: str, faults: FaultyDynamoDB
) -> None:
    service.post(ticket_number=incident)
    # The link fails, so the client repeats the request.
    faults.faults.append(at("UpdateItem", refuse("AccessDeniedException")))
    assert service.create(join_notice=True, idempotency_key="k").status_code == 500
    service.send("DELETE", "/notice", ANNA)
    replay = service.create(join_notice=True, idempotency_key="k")
    assert (replay.status_code, replay.headers["Idempotency-Replayed"]) == (201, "true")
    number = replay.json["ticket_number"]
    assert service.desk(incident)["children"] == [number]
    # Another incident is known now. The ticket keeps its own.
    service.post(ticket_number=service.create(caller_id="+15550001").json["ticket_number"])
    replay = service.create(join_notice=True, idempotency_key="k")
    assert replay.headers["Idempotency-Replayed"] == "true"
    assert service.desk(number)["parent"] == incident
    for is_joined in (None, False):
        reused = service.create(idempotency_key="k", join_notice=is_joined)
        assert (reused.status_code, reused.json["code"]) == (409, "idempotency_key_reused")
    service.create(idempotency_key="l")
    reused = service.create(idempotency_key="l", join_notice=True)
    assert (reused.status_code, reused.json["code"]) == (409, "idempotency_key_reused")


def end(service: Service, _: str) -> None:
    service.send("DELETE", "/notice", ANNA)


def replace_without_ticket(service: Service, _: str) -> None:
    service.post()


def close(service: Service, incident: str) -> None:
    service.send("PATCH", f"/tickets/{incident}", ANNA, status="closed")


def expire(service: Service, incident: str) -> None:
    ticket = Ticket.get(service.desk(incident)["ticket_id"])
    ticket.update(actions=[Ticket.expires_at.set(1)])


@pytest.mark.parametrize("change", [end, replace_without_ticket, close, expire])
@pytest.mark.parametrize("key", ["k", None])
def test_no_caller_joins_without_a_notice_with_an_open_ticket(
    service: Service, incident: str, change: Callable[[Service, str], None], key: str | None
) -> None:
    service.post(ticket_number=incident)
    change(service, incident)
    response = service.create(join_notice=True, idempotency_key=key)
    assert (response.status_code, response.json["code"]) == (409, "no_notice")
    assert service.listed()["tickets"] == []
    assert service.create(idempotency_key=key).status_code == 201


@pytest.mark.parametrize("value", ["true", 1, []])
def test_join_notice_must_be_a_boolean(service: Service, value: Any) -> None:
    response = service.create(join_notice=value)
    assert (response.status_code, response.json["code"]) == (400, "invalid_field")
    assert "`join_notice` must be true or false" in response.json["error"]


def test_tools_tell_the_notice_and_let_callers_join(service: Service, incident: str) -> None:
    posted = service.post(text="\u202e" * 299 + "x", ticket_number=incident)
    told = {name: posted[name] for name in ("text", "ends_at", "ticket_number")}
    arguments = {"caller_id": service.caller, "issue_description": "x", "join_notice": True}
    extra = {"x-api-key": AGENT}
    created = text_content(call(service.client, "create_ticket", arguments, extra=extra))
    assert created["notice"] == told
    assert service.desk(created["ticket_number"])["parent"] == incident
    query = {"caller": service.caller}
    found = text_content(call(service.client, "list_recent_tickets", query, extra=extra))
    assert found["notice"] == told
    withheld = text_content(
        call(service.client, "list_recent_tickets", {"caller": "anonymous"}, extra=extra)
    )
    assert (withheld["tickets"], withheld["notice"]) == ([], told)


def test_the_item_of_the_notice_is_no_ticket(service: Service, incident: str) -> None:
    posted = service.post(ticket_number=incident)
    key = items.NOTICE_KEY
    for method, path, body in [
        ("GET", f"/tickets/{key}", {}),
        ("GET", f"/tickets/{key}?history=all", {}),
        ("POST", f"/tickets/{key}/comments", {"comment": "x"}),
        ("PATCH", f"/tickets/{key}", {"status": "closed"}),
        ("PATCH", f"/tickets/{incident}", {"duplicate_of": key}),
    ]:
        assert service.send(method, path, ANNA, **body).status_code == 404, (method, path)
    for path in (f"/tickets?caller={key}", "/tickets?status=open", "/tickets?status=closed"):
        tickets = service.send("GET", path, ANNA).json["tickets"]
        assert [each for each in tickets if each["ticket_number"] != incident] == []
    erase_caller(key, "--yes")
    assert service.show() == {"notice": posted}


def test_export_and_erasure_keep_the_links(service: Service, incident: str) -> None:
    service.post(ticket_number=incident)
    number = service.create(join_notice=True).json["ticket_number"]
    for each in (number, incident):
        item = items.read_item(service.desk(each)["ticket_id"])
        assert from_line(to_line(item)) == item
    erase_caller(service.caller, "--yes")
    erase_caller("+15550000", "--yes")
    assert service.desk(number)["parent"] == incident
    assert service.desk(incident)["children"] == [number]
    assert not re.search(r"1555", str(service.desk(incident)))
