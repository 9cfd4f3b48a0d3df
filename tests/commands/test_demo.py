"""Tests of `flask demo`, which creates demo tickets."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask.testing import FlaskClient

from itsm_app import config
from itsm_app.commands import demo
from itsm_app.commands.app import create_command_app
from itsm_app.storage import sizes, table
from itsm_app.storage.models import Ticket
from itsm_app.tickets import callers, numbers
from itsm_app.tickets.lifecycle import TRANSITIONS

from ..conftest import ON_MOTO, shared_app
from ..support.embedded_dynamodb import embedded_dynamodb
from ..support.faulty_dynamodb import FaultyDynamoDB, apply, refuse
from ..support.flask_run import command, flask_run

pytestmark = pytest.mark.embedded

TICKETS = json.loads(demo.FILE.read_text())
BY_TEXT = {(ticket["caller"], ticket["problem"]): ticket for ticket in TICKETS}
# Tickets for the tests that need only some: closed, reopened, closed some days ago, open.
SOME_TICKETS = [TICKETS[0], TICKETS[28], TICKETS[31], TICKETS[-1]]
STATUSES = {"open": 11, "in_progress": 11, "resolved": 16, "closed": 22}
LANGUAGES = {"ar", "de", "el", "en", "es", "fr", "he", "hi", "ja", "pl", "pt", "zh"}
SUMMARY = (
    "The table poc-itsm-tickets now has 60 demo tickets in 12 languages: 11 open, 11 in progress,"
    " 16 resolved, 22 closed.\n"
)
UNCHANGED = "The table poc-itsm-tickets already has the demo tickets.\n"
WHERE_TO_LOOK = "To see the tickets, open /desk. With `flask run`: http://localhost:5000/desk\n"
# Starts of the command on each day of a week. 2026-11-23 is a Monday.
STARTS = [
    datetime(2026, 11, day, hour, minute, tzinfo=UTC)
    for day in range(23, 30)
    for hour, minute in ((0, 0), (8, 1), (16, 59), (23, 59))
]


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create all demo tickets in an embedded DynamoDB, once, and return its folder."""
    folder = tmp_path_factory.mktemp("demo")
    with embedded_dynamodb(folder):
        assert output() == SUMMARY + WHERE_TO_LOOK
    return folder


@pytest.fixture
def demo_client(demo_folder: Path) -> Iterator[FlaskClient]:
    """Return a client of an app with all demo tickets. The tests must not change them."""
    with embedded_dynamodb(demo_folder):
        yield shared_app().test_client()


@pytest.fixture
def named_table(own_table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Create an empty table that the environment names, and make some demo tickets the only ones.

    moto takes seconds for all demo tickets.
    """
    monkeypatch.setenv("TABLE_NAME", own_table)
    file = tmp_path / "tickets.json"
    file.write_text(json.dumps(SOME_TICKETS))
    monkeypatch.setattr(demo, "FILE", file)
    return own_table


def run() -> Result:
    return create_command_app().test_cli_runner().invoke(args=["demo"])


def output() -> str:
    """Run the command, which must succeed, and return what it prints."""
    result = run()
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def error() -> str:
    """Run the command, which must fail, and return its error message."""
    result = run()
    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr.removeprefix("Error: ").removesuffix("\n")


def stored_tickets() -> list[Ticket]:
    """Return all stored tickets, oldest first."""
    return sorted(Ticket.scan(), key=lambda ticket: ticket.created_at)


def queue(client: FlaskClient, status: str) -> list[dict[str, Any]]:
    return list(client.get(f"/tickets?status={status}&limit=100").json["tickets"])


def comments_in(ticket: dict[str, Any]) -> list[str]:
    """Return the comments of a ticket of the file."""
    return [step["comment"] for step in ticket.get("steps", []) if "comment" in step]


def test_creates_tickets_of_every_status_and_language(demo_client: FlaskClient) -> None:
    queues = {status: queue(demo_client, status) for status in TRANSITIONS}
    assert {status: len(tickets) for status, tickets in queues.items()} == STATUSES
    assert {ticket["language"] for ticket in TICKETS} == LANGUAGES
    tickets = [ticket for tickets in queues.values() for ticket in tickets]
    assert {ticket["priority"] for ticket in tickets} == {"low", "normal", "high", "urgent"}
    assert {ticket.get("assignee") for ticket in tickets} == {"anna", "tomasz", "priya", None}
    counts = Counter(ticket["caller_id"] for ticket in tickets)
    assert len([count for count in counts.values() if count > 1]) == 10


def test_texts_come_back_unchanged(demo_client: FlaskClient) -> None:
    for caller in {ticket["caller"] for ticket in TICKETS}:
        found = demo_client.get("/tickets", query_string={"caller": caller}).json["tickets"]
        expected = [ticket for ticket in TICKETS if ticket["caller"] == caller]
        assert [ticket["issue_description"] for ticket in found[::-1]] == [
            ticket["problem"] for ticket in expected
        ]
        assert [
            [comment["comment_text"] for comment in ticket["comments"]] for ticket in found[::-1]
        ] == [comments_in(ticket) for ticket in expected]


@pytest.mark.exhaustive
def test_queue_lists_the_oldest_ticket_of_a_priority_first(demo_client: FlaskClient) -> None:
    for status in TRANSITIONS:
        found = [
            (ticket["caller_id"], ticket["issue_description"])
            for ticket in queue(demo_client, status)
        ]
        assert found == [key for key in BY_TEXT if key in found]
    page = demo_client.get("/desk").text
    # The last of these tickets is the oldest, but its priority is low.
    assert page.index("发票软件") < page.index("الطابعة") < page.index("zweiten Monitor")


@pytest.mark.exhaustive
def test_statistics_cover_two_weeks(demo_client: FlaskClient) -> None:
    days = demo_client.get("/desk/stats").text.rpartition("<table")[2]
    rows = re.findall(
        r"<tr.*?<td[^>]*>(\d+)</td>\s*<td[^>]*>(\d+)</td>"
        r"\s*<td[^>]*>([^<]*)</td>\s*<td[^>]*>([^<]*)</td>",
        days,
        re.DOTALL,
    )
    assert len(rows) == 14
    assert sum(int(opened) for opened, *_ in rows) == len(TICKETS)
    assert sum(int(resolved) for _, resolved, *_ in rows) == 39
    assert sum("min" in answer and "min" in resolution for *_, answer, resolution in rows) >= 9


@pytest.mark.exhaustive
def test_tickets_have_the_attributes_that_the_app_sets(demo_client: FlaskClient) -> None:
    reopened = []
    for source, ticket in zip(TICKETS, stored_tickets(), strict=True):
        assert ticket.caller_id == source["caller"]
        assert ticket.revision == 1 + len(source.get("steps", []))
        changes = [event for event in ticket.history or [] if event["field"] == "status"]
        reopened += [event for event in changes if event["changed_by"] == demo.AGENT]
        answers = [each["added_at"] for each in ticket.comments if "author" in each]
        resolutions = [each["changed_at"] for each in changes if each["to"] != "in_progress"]
        assert ticket.answered_at == min(answers, default=None)
        assert ticket.resolved_at == min(resolutions, default=None)
        times = {each["added_at"] for each in ticket.comments}
        times |= {each["changed_at"] for each in ticket.history or []}
        assert ticket.updated_at == max(times, default=ticket.created_at)
        ids = {each["comment_id"] for each in ticket.comments}
        ids |= {each["change_id"] for each in ticket.history or []}
        assert (ticket.comment_ids or set()) == ids
        statuses = ["open", *(each["to"] for each in changes)]
        assert statuses[-1] == ticket.status
        for each, before in zip(changes, statuses[:-1], strict=True):
            assert each["from"] == before
            assert each["to"] in TRANSITIONS[before]
        content_bytes, ticket.content_bytes = ticket.content_bytes, None
        assert content_bytes == sizes.of_ticket(ticket)
        assert ticket.expires_at is None
    assert len(reopened) == 1


def test_second_run_succeeds_and_changes_nothing(demo_client: FlaskClient) -> None:
    before = [ticket.attribute_values for ticket in stored_tickets()]
    assert output() == UNCHANGED + WHERE_TO_LOOK
    assert [ticket.attribute_values for ticket in stored_tickets()] == before


@pytest.mark.exhaustive
def test_ticket_numbers_are_the_same_in_every_run(demo_client: FlaskClient) -> None:
    found = [ticket.ticket_number for ticket in stored_tickets()]
    assert found == [numbers.written(ticket.number) for ticket in demo.read_tickets()]
    assert found[0] == "2907-9372-7928"


@ON_MOTO
def test_run_after_an_interruption_adds_the_missing_tickets(
    client: FlaskClient, named_table: str, faults: FaultyDynamoDB
) -> None:
    faults.faults.extend([*[apply] * 15, refuse("ExpiredTokenException")])
    assert error() == (
        "The command stopped: these AWS credentials have expired; sign in again. Tickets created:"
        " 1. Run the command again."
    )
    assert len(stored_tickets()) == 2
    assert "now has 4 demo tickets" in output()
    assert [
        [comment["comment_text"] for comment in ticket.comments] for ticket in stored_tickets()
    ] == [comments_in(ticket) for ticket in SOME_TICKETS]


@ON_MOTO
def test_ticket_that_was_changed_after_an_interruption_is_an_error(
    client: FlaskClient, named_table: str, faults: FaultyDynamoDB
) -> None:
    # The requests are a Scan, a PutItem for the first ticket, and a GetItem for its first step.
    faults.faults.extend([apply, apply, refuse("AccessDeniedException")])
    assert "Tickets created: 0." in error()
    (ticket,) = stored_tickets()
    client.patch(f"/tickets/{ticket.ticket_id}", json={"status": "closed"})
    assert error() == (
        f"Ticket {ticket.ticket_number} was changed after an interrupted run: set TABLE_NAME to the"
        " name of an empty table."
    )


def test_tickets_expire_after_the_retention(
    client: FlaskClient, named_table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two of the tickets are closed: one at least 10 days ago, one at most 4 days ago.
    monkeypatch.setattr(config, "RETENTION_DAYS", "5")
    assert "now has 3 demo tickets" in output()
    (closed,) = queue(client, "closed")
    ticket = Ticket.get(closed["ticket_id"])
    expected = datetime.fromisoformat(ticket.updated_at) + timedelta(5)
    assert ticket.expires_at == expected.timestamp()
    assert output().startswith(UNCHANGED)


@pytest.mark.parametrize("has_demo_tickets", [False, True])
def test_refuses_a_table_with_other_tickets(
    client: FlaskClient, named_table: str, caller: str, has_demo_tickets: bool
) -> None:
    if has_demo_tickets:
        output()
    client.post("/tickets", json={"caller_id": caller, "issue_description": "No mail"})
    count = len(stored_tickets())
    assert error().startswith("The table poc-itsm-tickets has other tickets: set ")
    assert len(stored_tickets()) == count


def test_refuses_an_embedded_dynamodb_with_other_tickets(tmp_path: Path) -> None:
    with embedded_dynamodb(tmp_path):
        table.create()
        new = {"caller_id": "+15550100", "issue_description": "No mail"}
        assert shared_app().test_client().post("/tickets", json=new).status_code == 201
        assert error() == (
            "The table poc-itsm-tickets has other tickets: set LOCAL_DYNAMODB to a new folder, for"
            " this command and for `flask run`."
        )


@ON_MOTO
def test_refuses_the_default_table_in_aws(own_table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (None, ""):
        if name is not None:
            monkeypatch.setenv("TABLE_NAME", name)
        assert error() == (
            "TABLE_NAME is not set: set TABLE_NAME to the name of an empty table, because this"
            " command does not use the default table in AWS."
        )
    assert stored_tickets() == []


@ON_MOTO
def test_missing_table_is_an_error(named_table: str) -> None:
    dynamodb = Ticket.connection().connection.client
    dynamodb.update_table(TableName=named_table, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=named_table)
    assert error() == (
        "The table poc-itsm-tickets does not exist in us-east-1: run `flask init-db`, or correct"
        " TABLE_NAME or REGION."
    )


@ON_MOTO
def test_invalid_endpoint_is_an_error(named_table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "no URL")
    monkeypatch.setattr(Ticket, "_connection", None)
    message = error()
    assert "(Invalid endpoint: no URL). Tickets created: 0. Run the command again." in message


@pytest.mark.parametrize("now", STARTS, ids=str)
def test_times_are_in_order_and_in_working_hours(now: datetime) -> None:
    created = [demo.moment(ticket["at"], now) for ticket in TICKETS]
    assert created == sorted(set(created))
    assert now.date() - timedelta(13) <= created[0].date() <= now.date() - timedelta(11)
    assert timedelta(0) < now - created[-1] < timedelta(minutes=10)
    for ticket in TICKETS:
        places = [ticket["at"], *(step["at"] for step in ticket.get("steps", []))]
        times = [demo.moment(place, now) for place in places]
        assert times == sorted(set(times))
        assert times[-1] < now
        for place, time in zip(places, times, strict=True):
            if "d " in place:
                assert time.weekday() < 5
                assert 8 <= time.hour < 17


@pytest.mark.parametrize(
    ("now", "at", "expected"),
    [
        ("2026-11-25T09:30:00Z", "-35m", "2026-11-25T08:55:00Z"),
        ("2026-11-25T00:10:00Z", "-142m", "2026-11-24T21:48:00Z"),
        ("2026-11-25T09:30:00Z", "-1d 16:20", "2026-11-24T16:20:00Z"),
        ("2026-11-25T09:30:00Z", "-3d 08:05", "2026-11-20T08:05:00Z"),
        ("2026-11-28T09:30:00Z", "-1d 08:05", "2026-11-27T08:05:00Z"),
        ("2026-11-29T09:30:00Z", "-1d 08:05", "2026-11-27T08:05:00Z"),
        ("2026-11-23T09:30:00Z", "-9d 08:05", "2026-11-10T08:05:00Z"),
    ],
)
def test_times_are_relative_to_the_start(now: str, at: str, expected: str) -> None:
    assert demo.moment(at, datetime.fromisoformat(now)) == datetime.fromisoformat(expected)


def test_texts_and_values_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CALLER_ID_FORM", "phone")
    for ticket in TICKETS:
        assert callers.normalise(ticket["caller"], "caller_id") == ticket["caller"]
        steps = ticket.get("steps", [])
        for text in (ticket["problem"], *(s["comment"] for s in steps if "comment" in s)):
            assert 1 <= len(text.strip()) == len(text) <= 1000
        for step in steps:
            assert "comment" in step or step["changes"]
            changes = step.get("changes", {})
            assert changes.keys() <= {"status", "priority", "assignee"}
            assert changes.get("priority", "low") in ("low", "high", "urgent")
            assert changes == {} or "by" in step
    # An interrupted run is recognised by the absence of the last ticket.
    assert "steps" not in TICKETS[-1]


def test_demo_tickets_are_at_the_desk_of_flask_run(tmp_path: Path) -> None:
    first = command("demo", LOCAL_DYNAMODB=str(tmp_path))
    assert (first.returncode, first.stdout, first.stderr) == (0, SUMMARY + WHERE_TO_LOOK, "")
    with flask_run(LOCAL_DYNAMODB=str(tmp_path)) as server:
        assert TICKETS[-1]["problem"] in server.request("GET", "/desk").text
        second = command("demo", LOCAL_DYNAMODB=str(tmp_path))
        assert (second.returncode, second.stdout, second.stderr) == (
            0,
            UNCHANGED + WHERE_TO_LOOK,
            "",
        )
        server.create()
        third = command("demo", LOCAL_DYNAMODB=str(tmp_path))
        assert (third.returncode, third.stdout) == (1, "")
        assert third.stderr.startswith("Error: The table poc-itsm-tickets has other tickets: ")


def test_demo_tickets_appear_at_a_running_desk(tmp_path: Path) -> None:
    with flask_run(LOCAL_DYNAMODB=str(tmp_path)) as server:
        assert TICKETS[-1]["problem"] not in server.request("GET", "/desk").text
        assert command("demo", LOCAL_DYNAMODB=str(tmp_path)).returncode == 0
        assert TICKETS[-1]["problem"] in server.request("GET", "/desk").text


def test_demo_tickets_have_pseudonymous_callers(
    named_table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "CALLER_SECRET", "s" * 32)
    output()
    tickets = stored_tickets()
    assert {each.caller_id for each in tickets} == {
        callers.to_stored(each["caller"]) for each in SOME_TICKETS
    }
    assert all(callers.is_pseudonym(each.caller_id) for each in tickets)
    assert output().startswith(f"The table {config.TABLE_NAME} already has the demo tickets.")
