"""`flask erase-caller`: what names a caller goes, the ticket stays."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import Any

import pytest
from click.testing import Result
from flask.testing import FlaskClient

from itsm_app import create_app
from itsm_app.storage import sizes
from itsm_app.storage.models import Ticket

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, apply, apply_and_drop, refuse, reset
from ..support.flask_run import ROOT, environ
from .test_cursors import file_tickets, page
from .test_retention import set_end

# A word that only the caller says.
SECRET = "Wolkenkuckucksheim"
NOW = "2026-02-09T12:20:25.343883Z"


def dynamodb() -> Any:
    return Ticket.connection().connection.client


def item_of(ticket: str) -> dict[str, Any]:
    return dict(
        dynamodb().get_item(TableName=Ticket.Meta.table_name, Key={"ticket_id": {"S": ticket}})[
            "Item"
        ]
    )


def erase_caller(*arguments: str) -> Result:
    return create_app().test_cli_runner().invoke(args=["erase-caller", *arguments])


def work(client: FlaskClient, caller: str, n: int = 0) -> str:
    """File a caller's n-th ticket and do with it all that may name them."""
    key = f"{caller}-{n}1"
    new = {"caller_id": caller, "issue_description": SECRET, "idempotency_key": key}
    ticket = str(client.post("/tickets", json=new).json["ticket_id"])
    path = f"/tickets/{ticket}"
    said = {"comment": f"{SECRET} 1", "idempotency_key": f"{caller}-2"}
    assert client.post(f"{path}/comments", json=said).status_code == 200
    for change in (
        {"assignee": caller, "priority": "high"},
        {"status": "resolved", "comment": f"{SECRET} 2", "idempotency_key": f"{caller}-3"},
    ):
        assert client.patch(path, json=change).status_code == 200
    said = {"comment": f"{SECRET} 3", "idempotency_key": f"{caller}-4"}
    assert client.post(f"{path}/comments", json=said).status_code == 200
    return ticket


def test_what_names_a_caller_goes_and_the_rest_stays(client: FlaskClient, caller: str) -> None:
    ticket = work(client, caller)
    dynamodb().update_item(
        TableName=Ticket.Meta.table_name,
        Key={"ticket_id": {"S": ticket}},
        UpdateExpression="SET of_another_app = :caller",
        ExpressionAttributeValues={":caller": {"S": caller}},
    )
    before = client.get(f"/tickets/{ticket}?history=all")
    was = item_of(ticket)
    result = erase_caller(caller, "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{before.json['ticket_number']}\nTickets erased: 1. Run it ag")
    now = item_of(ticket)
    text = json.dumps(now)
    for gone in (caller, SECRET, "idempotency_key", "of_another_app", *was["comment_ids"]["SS"]):
        assert gone not in text
    after = client.get(f"/tickets/{ticket}?history=all")
    assert after.headers["ETag"] != before.headers["ETag"]
    named = {"caller_id", "issue_description", "assignee", "comments", "history"}
    kept = before.json.keys() - named
    assert {k: after.json[k] for k in kept} == {k: before.json[k] for k in kept}
    assert [each["added_at"] for each in after.json["comments"]] == [
        each["added_at"] for each in before.json["comments"]
    ]
    assert [each.get("author") for each in after.json["comments"]] == [None, "local", None]
    *history, erasure = after.json["history"]
    assert history == [
        event | ({"to": "[erased]"} if event["field"] == "assignee" else {})
        for event in before.json["history"]
    ]
    assert (erasure["field"], erasure["changed_by"]) == ("caller_id", "erase-caller")
    for name in ("answered_at", "resolved_at"):
        assert now[name] == was[name]


def test_an_erased_ticket_is_counted_anew(client: FlaskClient, caller: str) -> None:
    ticket = work(client, caller)
    erase_caller(caller, "--yes")
    found = Ticket.get(ticket)
    counted, found.content_bytes = found.content_bytes, None
    assert counted == sizes.of_ticket(found)
    assert client.patch(f"/tickets/{ticket}", json={"priority": "low"}).status_code == 200
    assert Ticket.get(ticket).content_bytes == counted + 250 + len('"highlow"')


def test_nothing_in_the_index_is_the_callers_any_more(client: FlaskClient, caller: str) -> None:
    tickets = [work(client, caller), work(client, f"{caller}9"), *file_tickets(caller, 2)]
    erase_caller(caller, "--yes")
    assert page(client, caller) == {"tickets": []}
    assert len(page(client, f"{caller}9")["tickets"]) == 1
    del tickets[1]
    callers = {item_of(ticket)["caller_id"]["S"] for ticket in tickets}
    assert len(callers) == len(tickets)
    assert erase_caller(caller, "--yes").stdout.startswith("Tickets erased: 0.")


def test_without_yes_it_only_says_what_it_would_do(client: FlaskClient, caller: str) -> None:
    ticket = work(client, caller)
    old = file_tickets(caller, 1)
    before = [item_of(ticket), item_of(*old)]
    result = erase_caller(caller)
    assert (result.exit_code, result.stderr) == (0, "")
    *listed, last = result.stdout.splitlines()
    assert listed == [*old, before[0]["ticket_number"]["S"]]
    assert last == "Tickets to erase: 2. Nothing is changed; --yes does it, for good."
    assert [item_of(ticket), item_of(*old)] == before


def test_nothing_is_said_on_an_erased_ticket_and_an_old_call_stays_unsaid(
    client: FlaskClient, caller: str
) -> None:
    ticket = work(client, caller)
    erase_caller(caller, "--yes")
    before = item_of(ticket)
    for method, path, sent in (
        ("POST", "/comments", {"comment": f"{SECRET} 1", "idempotency_key": f"{caller}-2"}),
        ("POST", "/comments", {"comment": SECRET}),
        ("PATCH", "", {"comment": SECRET, "status": "closed"}),
        ("PATCH", "", {"comment": f"{SECRET} 2", "idempotency_key": f"{caller}-3"}),
    ):
        response = client.open(f"/tickets/{ticket}{path}", method=method, json=sent)
        assert (response.status_code, response.json["code"]) == (409, "caller_erased")
    assert item_of(ticket) == before
    said = {"comment": SECRET, "caller": caller}
    assert client.post(f"/tickets/{ticket}/comments", json=said).status_code == 404
    assert client.patch(f"/tickets/{ticket}", json={"status": "closed"}).status_code == 200
    # A create under the old key is a new call.
    new = {"caller_id": caller, "issue_description": "New", "idempotency_key": f"{caller}-01"}
    again = client.post("/tickets", json=new)
    assert (again.status_code, again.json["ticket_id"] != ticket) == (201, True)
    assert client.post("/tickets", json=new).data == again.data


def test_a_ticket_from_before_there_were_numbers_is_erased(
    client: FlaskClient, caller: str
) -> None:
    old = Ticket(caller, caller_id=caller, issue_description="x", created_at=NOW, updated_at=NOW)
    old.comments = [{"comment_text": SECRET, "added_at": NOW}]
    old.ticket_id = f"old-{hash(caller)}"
    old.save()
    assert erase_caller(caller, "--yes").stdout.startswith(f"{old.ticket_id}\n")
    found = Ticket.get(old.ticket_id)
    assert (found.revision, found.created_at, found.updated_at) == (1, NOW, NOW)
    assert found.comments == [{"comment_text": "[erased]", "added_at": NOW}]
    assert client.get(f"/tickets/{old.ticket_id}").json["caller_id"] == f"erased-{old.ticket_id}"


def test_a_ticket_that_is_hidden_is_erased_and_stays_hidden(
    client: FlaskClient, caller: str
) -> None:
    ticket = work(client, caller)
    set_end(ticket, 0)
    end = item_of(ticket)["expires_at"]
    assert erase_caller(caller, "--yes").stdout.startswith(item_of(ticket)["ticket_number"]["S"])
    assert SECRET not in json.dumps(item_of(ticket))
    assert item_of(ticket)["expires_at"] == end
    Ticket.get(ticket).delete()


@pytest.mark.storage
@pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True)
def test_all_pages_are_erased_and_full_tickets_too(client: FlaskClient, caller: str) -> None:
    full = [{"comment_text": f"{SECRET}{'x' * 900}", "added_at": NOW}] * 250
    tickets = file_tickets(caller, 6, comments=full) + file_tickets(caller, 250, at=10)
    result = erase_caller(caller, "--yes")
    assert "Tickets erased: 256." in result.stdout
    assert SECRET not in json.dumps([item_of(ticket) for ticket in tickets])


@ON_MOTO
def test_what_is_said_meanwhile_is_erased_too(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    ticket = work(client, caller)

    def somebody_speaks(engine: FaultyDynamoDB) -> Any:
        said = {"comment": f"{SECRET} in between"}
        assert client.post(f"/tickets/{ticket}/comments", json=said).status_code == 200
        return apply(engine)

    # The index, the ticket, then a write that another comes before.
    faults.faults.extend([apply, apply, somebody_speaks, apply])
    assert "Tickets erased: 1." in erase_caller(caller, "--yes").stdout
    assert SECRET not in json.dumps(item_of(ticket))
    assert len(item_of(ticket)["comments"]["L"]) == 4


@ON_MOTO
def test_what_the_index_still_has_and_another_run_has_erased_is_not_counted(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    ticket = work(client, caller)

    def another_run(engine: FaultyDynamoDB) -> Any:
        assert "Tickets erased: 1." in erase_caller(caller, "--yes").stdout
        return apply(engine)

    faults.faults.extend([apply, another_run])
    assert "Tickets erased: 0." in erase_caller(caller, "--yes").stdout
    assert item_of(ticket)["revision"] == {"N": "6"}


@ON_MOTO
@pytest.mark.parametrize("lost", [1, 2])
def test_an_erasure_whose_answer_was_lost_is_done_once(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str, lost: int
) -> None:
    ticket = work(client, caller)
    faults.faults.extend([apply, apply, *[apply_and_drop] * lost])
    assert "Tickets erased: 1." in erase_caller(caller, "--yes").stdout
    events = item_of(ticket)["history"]["L"]
    assert [each["M"]["field"]["S"] for each in events].count("caller_id") == 1


@ON_MOTO
def test_each_request_has_its_own_retries(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    for n in range(2):
        work(client, caller, n)
    throttled = refuse("ThrottlingException")
    faults.faults.extend([*[throttled, throttled, apply] * 5])
    assert "Tickets erased: 2." in erase_caller(caller, "--yes").stdout


@ON_MOTO
def test_after_a_refusal_it_says_how_far_it_came_and_goes_on_from_there(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    tickets = [work(client, caller, n) for n in range(3)]
    faults.faults.extend([apply, apply, apply, apply, refuse("AccessDeniedException")])
    result = erase_caller(caller, "--yes")
    assert result.exit_code == 1
    assert "Error: Stopped, 1 erased: these AWS credentials may not do that" in result.stderr
    assert caller not in result.output
    faults.faults.append(refuse("AccessDeniedException"))
    assert "Error: Stopped, nothing changed: these AWS" in erase_caller(caller).stderr
    assert "Tickets erased: 2." in erase_caller(caller, "--yes").stdout
    assert caller not in json.dumps([item_of(ticket) for ticket in tickets])


@ON_MOTO
def test_killed_in_the_middle_it_does_the_rest_when_run_again(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    tickets = [work(client, caller, n) for n in range(5)]
    process: list[subprocess.Popen[str]] = []

    def kill(engine: FaultyDynamoDB) -> Any:
        process[0].kill()
        return reset(engine)

    # The index, and two requests a ticket: the second one is killed in its write.
    faults.faults.extend([*[apply] * 4, kill])
    process.append(
        subprocess.Popen(
            [sys.executable, "-m", "flask", "erase-caller", caller, "--yes"],
            cwd=ROOT,
            env=environ(AWS_ENDPOINT_URL_DYNAMODB=faults.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )
    process[0].communicate(timeout=60)
    assert process[0].returncode == -signal.SIGKILL
    left = [ticket for ticket in tickets if caller in json.dumps(item_of(ticket))]
    assert 0 < len(left) < len(tickets)
    result = erase_caller(caller, "--yes")
    assert f"Tickets erased: {len(left)}." in result.stdout
    assert caller not in json.dumps([item_of(ticket) for ticket in tickets])


@ON_MOTO
def test_no_line_of_it_holds_the_callers_id(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    work(client, caller)
    faults.faults.append(refuse("ThrottlingException"))
    result = erase_caller(caller, "--yes")
    assert result.exit_code == 0
    assert re.search(r'"message":"retry"', result.output)
    assert caller not in result.output
