"""Tests of the CSV export and of the news for notifications."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO
from ..support.desk import ANNA, BOB, Desk

pytestmark = [ON_MOTO, pytest.mark.usefixtures("empty_table")]

File = Callable[..., str]
Change = Callable[..., None]


def rows(response: TestResponse) -> list[dict[str, str]]:
    assert response.status_code == 200
    assert response.content_type == "text/csv; charset=utf-8"
    assert response.data.startswith(b"\xef\xbb\xbf")
    text = response.data.decode("utf-8-sig")
    assert "\r\n" in text
    return [*csv.DictReader(io.StringIO(text, newline=""))]


def file_name(response: TestResponse) -> str:
    disposition = response.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="')
    return disposition.partition('"')[2].rstrip('"')


def test_export_has_all_pages_and_all_details_of_a_view(
    anna: Desk, file_ticket: File, change: Change, call: Change, desk_app: Flask
) -> None:
    first = file_ticket('Line 1\n"Line 2", שלום', "maria@example.com")
    change(first, BOB, comment="Wait", assignee="bob", priority="urgent")
    second = file_ticket("Second")
    call(second, handover={})
    for number in range(30):
        file_ticket(f"Ticket {number}")
    new = {"caller_id": "anna", "issue_description": "Filed"}
    desk_app.test_client().post("/tickets", json=new, headers={"x-api-key": ANNA})
    page = anna.get("/desk?view=open").text
    assert 'href="/desk/export.csv?view=open" download>Export CSV</a>' in page
    response = anna.get("/desk/export.csv?view=open")
    assert file_name(response) == "tickets-open.csv"
    assert response.headers["Cache-Control"] == "no-store"
    waiting, urgent, *rest = rows(response)
    assert len(rest) == 31
    assert (waiting["ID"], waiting["Last message by"]) == (second, "Caller")
    assert waiting["Waiting for a person since"] == waiting["Last message"] != ""
    assert urgent["Description"] == 'Line 1\n"Line 2", שלום'
    assert [urgent[name] for name in ("Status", "Priority", "Assignee", "Caller")] == [
        "open", "urgent", "bob", "maria@example.com",
    ]  # fmt: skip
    assert (urgent["Last message by"], urgent["Waiting for a person since"]) == ("bob", "")
    assert (rest[0]["Last message by"], rest[-1]["Created by"]) == ("", "anna.b")
    filtered = anna.get("/desk/export.csv?view=open&priority=urgent")
    assert [row["ID"] for row in rows(filtered)] == [first]
    by_time = rows(anna.get("/desk/export.csv?status=open&cursor=ignored"))
    assert [row["ID"] for row in by_time[:2]] == [first, second]
    assert "Last message" not in by_time[0]
    assert rows(anna.get("/desk/export.csv?view=waiting"))[0]["ID"] == second
    assert rows(anna.get("/desk/export.csv?view=mine")) == []


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+15550100", "'+15550100"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\n=1", "'\n=1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("'=1", "'=1"),
        ("1=1", "1=1"),
        ('=HYPERLINK("http://evil.example","x")', "'=HYPERLINK(\"http://evil.example\",\"x\")"),
    ],
)  # fmt: skip
def test_export_neutralizes_formulas_in_every_cell(
    anna: Desk, file_ticket: File, text: str, cell: str
) -> None:
    ticket = Ticket.get(file_ticket(text))
    ticket.assignee = ticket.caller_id = ticket.last_comment_author = ticket.created_by = text
    ticket.last_comment_at = ticket.created_at
    ticket.save()
    (row,) = rows(anna.get("/desk/export.csv"))
    names = ("Description", "Assignee", "Caller", "Last message by", "Created by")
    assert [row[name] for name in names] == [cell] * 5


@pytest.mark.parametrize(
    ("limit", "value", "exported"),
    [("MAX_TICKETS", 2, 2), ("MAX_BYTES", 200, 2), ("MAX_SECONDS", -1, 2)],
)
def test_export_is_bounded_and_its_name_says_so(
    anna: Desk,
    file_ticket: File,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
    exported: int,
) -> None:
    for number in range(3):
        file_ticket(f"Ticket {number}")
    monkeypatch.setattr("itsm_app.desk.export.PAGE_TICKETS", 2)
    assert file_name(anna.get("/desk/export.csv")) == "tickets-open.csv"
    monkeypatch.setattr(f"itsm_app.desk.export.{limit}", value)
    response = anna.get("/desk/export.csv")
    assert file_name(response) == "tickets-open-incomplete.csv"
    assert len(rows(response)) == exported


def test_news_are_waiting_handovers_and_replies_to_own_tickets(
    anna: Desk, bob: Desk, file_ticket: File, change: Change, call: Change
) -> None:
    waiting, mine, answered, closed, silent = (file_ticket(f"Ticket {n}") for n in range(5))
    call(waiting, handover={"summary": "Secret words"})
    for ticket in (mine, answered, closed, silent):
        change(ticket, assignee="anna.b")
    for ticket in (mine, answered, closed):
        call(ticket)
    change(answered, comment="Thanks")
    change(closed, status="closed")
    response = anna.get("/desk/news")
    assert response.content_type == "application/json"
    assert [each["ticket_id"] for each in response.json["handovers"]] == [waiting]
    assert [each["ticket_id"] for each in response.json["replies"]] == [mine]
    assert response.json["handovers"][0].keys() == {"ticket_id", "number", "at"}
    assert "Secret" not in response.text
    others = bob.get("/desk/news").json
    assert (len(others["handovers"]), others["replies"]) == (1, [])
