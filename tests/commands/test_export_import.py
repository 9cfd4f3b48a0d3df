"""Tests of `flask export` and `flask import`."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import pty
import random
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import Result
from flask.testing import FlaskClient

from itsm_app import config
from itsm_app.storage import sizes, timestamps
from itsm_app.storage.models import Ticket
from itsm_app.tickets import callers, places

from ..conftest import ON_DYNAMODB_LOCAL, ON_MOTO, shared_app
from ..support.exhaustive import exhaustive
from ..support.faulty_dynamodb import FaultyDynamoDB, apply, apply_and_drop, refuse
from ..support.flask_run import ROOT, environ
from ..tickets.test_cursors import page, store_tickets
from ..tickets.test_erasure import create_ticket_with_history, dynamodb, erase_caller, item_of
from ..tickets.test_retention import set_expiry

pytestmark = pytest.mark.usefixtures("own_table")

TIME = "2025-02-09T12:20:25.343883Z"
CALLER = "日本語 שלום"
TEXTS = ["日本語 שלום", "\u202eabc\u0000\u2028", "👩‍👩‍👧‍👦" * 100, '"\\/', " "]


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return shared_app().test_cli_runner().invoke(args=arguments, input=stdin)


def export(*arguments: str) -> bytes:
    result = run("export", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout_bytes


def import_(lines: bytes) -> str:
    result = run("import", stdin=lines)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def ids(lines: bytes) -> list[str]:
    return [json.loads(line)["Item"]["ticket_id"]["S"] for line in lines.splitlines()]


def delete_all_tickets() -> None:
    for response in dynamodb().get_paginator("scan").paginate(TableName=Ticket.Meta.table_name):
        for item in response["Items"]:
            Ticket.get(item["ticket_id"]["S"]).delete()


def put(ticket: str, **attributes: Any) -> None:
    """Store a ticket directly in DynamoDB, with additional attributes."""
    texts = dict.fromkeys(("caller_id", "issue_description", "status"), "x")
    texts |= dict.fromkeys(("created_at", "updated_at"), TIME)
    item: Any = {name: {"S": text} for name, text in texts.items()}
    item |= {"ticket_id": {"S": ticket}, "comments": {"L": []}, **attributes}
    dynamodb().put_item(TableName=Ticket.Meta.table_name, Item=places.with_place(item))


def test_export_after_an_import_returns_the_same_bytes(
    client: FlaskClient, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "RETENTION_DAYS", "30")
    ticket = create_ticket_with_history(client, caller)
    for text in TEXTS:
        if text.strip():
            client.post(f"/tickets/{ticket}/comments", json={"comment": text})
            client.post("/tickets", json={"caller_id": CALLER, "issue_description": text})
    client.patch(f"/tickets/{ticket}", json={"status": "closed"})
    erase_caller(CALLER, "--yes")
    long_comments: Any = [{"comment_text": "x" * 1000, "added_at": TIME}] * 20
    store_tickets(caller, 12, comments=long_comments)
    body = {"caller_id": caller, "issue_description": "x", "handover": {"reason": "y"}}
    client.post("/tickets", json=body)
    put("old")
    types = {"N": "-1.5"}, {"BOOL": True}, {"NULL": True}, {"NS": ["1", "2"]}, {"S": ""}
    put("types", x={"L": [{"M": {"B": {"B": "/wA="}}}, *types]}, y={"BS": ["MQ==", "AA=="]})
    before = export()
    assert len(before.splitlines()) == 20
    delete_all_tickets()
    assert export() == b""
    assert import_(before) == "Imported: 20. Already existed: 0.\n"
    assert export() == before
    assert import_(before) == "Imported: 0. Already existed: 20.\n"
    found = client.get(f"/tickets/{ticket}?history=all").json
    assert [comment["comment_text"] for comment in found["comments"][3:]] == TEXTS[:-1]
    assert len(found["history"]) == 5


def test_export_and_import_keep_the_canned_answers(client: FlaskClient, caller: str) -> None:
    added = {"answer_id": "1", "name": "A", "text": "Hello {caller} \U0001f525"}
    site = {"Sec-Fetch-Site": "same-origin"}
    environ = {"REMOTE_ADDR": "127.0.0.1"}
    client.post("/desk/canned-answers", data=added, headers=site, environ_overrides=environ)
    create_ticket_with_history(client, caller)
    before = export()
    assert "canned-answers" in ids(before)
    assert "canned-answers" in ids(export("--since", TIME))
    assert "canned-answers" not in ids(export("--since", "9000-01-01"))
    assert "canned-answers" not in ids(export("--caller", caller))
    delete_all_tickets()
    assert import_(before) == "Imported: 2. Already existed: 0.\n"
    assert import_(before) == "Imported: 0. Already existed: 2.\n"
    assert export() == before
    page = client.get("/desk/canned-answers", environ_overrides=environ)
    assert "Hello {caller} \U0001f525" in page.text
    # Another system may have stored more of an answer.
    more = re.sub(rb'("answer_id")', rb'"lang":{"S":"en"},\1', before)
    delete_all_tickets()
    assert import_(more) == "Imported: 2. Already existed: 0.\n"
    assert client.get("/desk/canned-answers", environ_overrides=environ).status_code == 200
    delete_all_tickets()
    import_(before)
    changed = before.replace(b"Hello", b"Hallo")
    assert "canned-answers already exists with other content" in run("import", stdin=changed).stderr
    ticket = json.loads(next(line for line in before.splitlines() if b"comments" in line))
    ticket["Item"]["ticket_id"]["S"] = "canned-answers"
    for line in (json.dumps(ticket).encode(), before.replace(b'"revision"', b'"version"')):
        assert run("import", stdin=line).exit_code == 1


def test_export_and_import_keep_the_notice(client: FlaskClient, caller: str) -> None:
    create_ticket_with_history(client, caller)
    assert client.put("/notice", json={"text": "E-mail is down", "minutes": 5}).status_code == 200
    before = export()
    assert "notice" in ids(before)
    assert "notice" in ids(export("--since", TIME))
    assert "notice" not in ids(export("--caller", caller))
    delete_all_tickets()
    assert client.get("/notice").json == {}
    assert import_(before) == "Imported: 2. Already existed: 0.\n"
    assert import_(before) == "Imported: 0. Already existed: 2.\n"
    assert export() == before
    assert client.get("/notice").json["notice"]["text"] == "E-mail is down"
    assert client.delete("/notice").json == {}
    after = export()
    delete_all_tickets()
    assert import_(after) == "Imported: 2. Already existed: 0.\n"
    assert client.get("/notice").json == {}
    ticket = json.loads(next(line for line in before.splitlines() if b"comments" in line))
    ticket["Item"]["ticket_id"]["S"] = "notice"
    for line in (json.dumps(ticket).encode(), before.replace(b'"revision"', b'"version"')):
        assert run("import", stdin=line).exit_code == 1


def test_export_continues_after_a_page_of_1_mb(client: FlaskClient) -> None:
    tickets = [f"{n}" for n in range(6)]
    for ticket in tickets:
        put(ticket, text={"S": "x" * 250_000})
    assert sorted(ids(export())) == tickets
    assert sorted(ids(export("--caller", "x"))) == tickets


@ON_DYNAMODB_LOCAL
def test_exports_and_imports_full_tickets_and_many_pages(client: FlaskClient, caller: str) -> None:
    long_comments: Any = [{"comment_text": "ß" * 1000, "added_at": TIME}] * 140
    full = store_tickets(caller, 9, comments=long_comments)
    short = store_tickets(caller, 300, at=10)
    before = export()
    assert set(ids(before)) == {*full, *short}
    assert sorted(export("--caller", caller).splitlines()) == sorted(before.splitlines())
    delete_all_tickets()
    import_(before)
    assert export() == before


def test_lines_have_the_format_of_dynamodb_exports(client: FlaskClient, caller: str) -> None:
    ticket = create_ticket_with_history(client, caller)
    (line,) = export("--caller", caller).splitlines()
    (found,) = [json.loads(line)]
    assert found == {"Item": {**item_of(ticket), "comment_ids": found["Item"]["comment_ids"]}}
    assert found["Item"]["comment_ids"]["SS"] == sorted(item_of(ticket)["comment_ids"]["SS"])
    assert line == json.dumps(found, sort_keys=True, separators=(",", ":")).encode()


def test_export_filters_by_caller_and_by_time(client: FlaskClient, caller: str) -> None:
    first, second = store_tickets(caller, 2)
    store_tickets(f"{caller}9", 1)
    assert sorted(ids(export("--caller", caller))) == sorted([first, second])
    assert ids(export("--caller", "nobody")) == []
    since = timestamps.now()
    client.patch(f"/tickets/{first}", json={"priority": "low"})
    for when in (since, since.replace("Z", ""), since.replace("Z", "+00:00"), since[:10]):
        assert ids(export("--caller", caller, "--since", when)) == [first]
    later = timestamps.now()
    assert ids(export("--since", later)) == []
    erase_caller(caller, "--yes")
    assert set(ids(export("--since", later))) == {first, second}


def test_expired_tickets_are_not_exported(client: FlaskClient, caller: str) -> None:
    (ticket,) = store_tickets(caller, 1, status="closed")
    set_expiry(ticket, 60)
    assert ids(export("--caller", caller)) == [ticket]
    set_expiry(ticket, 0)
    assert ids(export("--caller", caller)) == []
    assert ticket not in ids(export())


@ON_MOTO
@pytest.mark.parametrize("when", ["yesterday", "", "2026-13-01", "0001-01-01T00:00+14:00"])
def test_export_rejects_an_invalid_time(engine: str, when: str) -> None:
    result = run("export", "--since", when)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Enter a date or a time, such as 2026-11-23T22:08:48Z." in result.stderr


def test_import_reports_different_tickets_and_keeps_the_stored_ones(
    client: FlaskClient, caller: str
) -> None:
    new = create_ticket_with_history(client, caller)
    old, missing = store_tickets(caller, 2)
    lines = export("--caller", caller)
    for ticket in (new, old):
        client.patch(f"/tickets/{ticket}", json={"priority": "urgent"})
    Ticket.get(missing).delete()
    before = [item_of(ticket) for ticket in (new, old)]
    result = run("import", stdin=lines)
    assert result.exit_code == 1
    assert result.stdout == "Imported: 1. Already existed: 0.\n"
    number = before[0]["ticket_number"]["S"]
    *messages, last = result.stderr.splitlines()
    assert sorted(message.partition(": ")[2] for message in messages) == sorted(
        f"ticket {name} already exists with other content." for name in (number, old)
    )
    assert last == "Error: Not imported, because a ticket with this ID and other content exists: 2."
    assert [item_of(ticket) for ticket in (new, old)] == before
    assert len(page(client, caller)["tickets"]) == 3


def stored_list(**texts: str | None) -> Any:
    """Return a list of one comment or history event in DynamoDB's format."""
    members = {name: {"S": text} for name, text in texts.items() if text is not None}
    return {"L": [{"M": members}]}


TIME_EXPECTED = "Expected a time such as 2026-11-23T22:08:48.123456Z"
# One time does not parse, and one parses but is not in the format of the app.
TIMES = ("updated_at", "answered_at", "resolved_at", "erased_at")
INVALID_TIMES = ["yesterday", "2026-02-09T12:20:25.343883+00:00"]
MORE_INVALID_TIMES = [
    "",
    "2026-02-09",
    "2026-02-09T12:20:25Z",
    "2026-02-09T12:20:25.343883",
    "2026-02-30T12:20:25.343883Z",
    "2026-02-09t12:20:25.343883z",
    "0001-01-01T00:00:00.000000+14:00",
]
INVALID_COUNTS = ["x"]
MORE_INVALID_COUNTS = ["1" * 39, "", "1.5", "-1", "1e3", "007", "1\n", "\u0661"]
COMMENT = {"comment_text": {"S": "x"}, "added_at": {"S": TIME}}
EVENT = {"field": "status", "changed_by": "x", "changed_at": TIME, "change_id": "x"}


def invalid_time(time: str) -> tuple[Any, str]:
    return {"created_at": {"S": time}}, f"{TIME_EXPECTED} - at `$.Item.created_at`"


def invalid_count(count: str) -> tuple[Any, str]:
    return {"revision": {"N": count}}, "matching regex"


def event_without(field: str) -> tuple[Any, str]:
    return {"history": stored_list(**{**EVENT, field: None})}, f"field `{field}`"


INVALID_LINES: list[Any] = [
    (b"x", "malformed"),
    exhaustive((b'{"Item": {"ticket_id"', "truncated")),
    (b'{"Item": {"ticket_id": {"S": "\xff"}}}', ""),
    exhaustive((b'{"Item": {"ticket_id": {"S": "\\ud800"}}}', "")),
    exhaustive(([], "Expected `object`")),
    ({}, "missing required field `Item`"),
    exhaustive(({"Item": {"ticket_id": {"S": "x"}}}, "missing required field")),
    exhaustive(({"status": None}, "Expected `object`")),
    ({"status": {"N": "1"}}, "missing required field `S` - at `$.Item.status`"),
    exhaustive(({"status": {"S": 1}}, "Expected `str`, got `int`")),
    exhaustive(({"comments": {"L": [{"S": "x"}]}}, "missing required field `M`")),
    exhaustive(({"revision": {"S": "x"}}, "missing required field `N`")),
    *[invalid_time(time) for time in INVALID_TIMES],
    *[exhaustive(invalid_time(time)) for time in MORE_INVALID_TIMES],
    *[exhaustive(({name: {"S": "x"}}, TIME_EXPECTED)) for name in TIMES],
    *[invalid_count(count) for count in INVALID_COUNTS],
    *[exhaustive(invalid_count(count)) for count in MORE_INVALID_COUNTS],
    exhaustive(({"content_bytes": {"N": "x"}}, "$.Item.content_bytes.N")),
    exhaustive(({"expires_at": {"N": "x"}}, "$.Item.expires_at.N")),
    exhaustive(({"comments": stored_list(comment_text="x")}, "missing required field `added_at`")),
    exhaustive(({"comments": stored_list(added_at=TIME)}, "missing required field `comment_text`")),
    ({"comments": stored_list(comment_text="x", added_at="2025")}, TIME_EXPECTED),
    ({"comments": {"L": [{"M": {**COMMENT, "x": {"N": "1"}}}]}}, "missing required field `S`"),
    event_without("field"),
    *[exhaustive(event_without(field)) for field in list(EVENT)[1:]],
    ({"history": stored_list(**{**EVENT, "changed_at": "x"})}, TIME_EXPECTED),
    exhaustive(({"x": {"B": "x"}}, "")),
    ({"x": {"L": [{"M": {"x": {"Q": "x"}}}]}}, "Expected a value of a DynamoDB type"),
    ({"x": {"SS": ["x", 1]}}, "Expected a value of a DynamoDB type"),
    ({"x": {"S": "x", "N": "1"}}, "Expected a value with one type"),
    exhaustive(({"x": "x"}, "Expected a value with one type")),
    exhaustive(({"x": {"BOOL": "true"}}, "Expected a value of a DynamoDB type")),
    ({"x": {"NS": ["1", "1_0"]}}, "Expected a number"),
    (b'{"x": ' + b"[" * 100_000, "recursion"),
    (b"x" * 4 * 1024 * 1024, "it has 4194304 bytes or more"),
    # DynamoDB or botocore rejects these items.
    ({"caller_id": {"S": ""}}, ""),
    exhaustive(({"x": {"S": "x" * 400 * 1024}}, "")),
    exhaustive(({"ticket_id": {"S": "x" * 2049}}, "")),
]


@ON_MOTO
@pytest.mark.parametrize(("content", "reason"), INVALID_LINES)
def test_import_stops_at_an_invalid_line_and_keeps_the_lines_before_it(
    client: FlaskClient, caller: str, tmp_path: Path, content: Any, reason: str
) -> None:
    tickets = store_tickets(caller, 3)
    lines = export("--caller", caller).splitlines()
    for ticket in tickets:
        Ticket.get(ticket).delete()
    if isinstance(content, dict) and content and "Item" not in content:
        content = {"Item": {**json.loads(lines[1])["Item"], **content}}
    invalid = content if isinstance(content, bytes) else json.dumps(content).encode()
    file = tmp_path / "tickets.jsonl"
    file.write_bytes(b"\n".join([lines[0], invalid, lines[2], b""]))
    result = run("import", str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: Line 2 is not a ticket: ")
    assert reason in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.endswith("Correct the file, and import it again.\n")
    assert ids(export("--caller", caller)) == ids(lines[0])
    file.write_bytes(b"\n".join(lines))
    assert run("import", str(file)).stdout == "Imported: 2. Already existed: 1.\n"
    assert export("--caller", caller).splitlines() == lines


@ON_MOTO
def test_import_with_a_lost_dynamodb_response_is_applied_once(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str
) -> None:
    (ticket,) = store_tickets(caller, 1)
    lines = export("--caller", caller)
    Ticket.get(ticket).delete()
    faults.faults.append(apply_and_drop)
    result = run("import", stdin=lines)
    assert (result.exit_code, result.stdout) == (0, "Imported: 0. Already existed: 1.\n")
    assert export("--caller", caller) == lines


@ON_MOTO
def test_reports_progress_when_dynamodb_fails(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_tickets(caller, 2)
    lines = export("--caller", caller)
    denied = refuse("AccessDeniedException")
    faults.faults.extend([apply, apply, denied])
    result = run("import", stdin=lines)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The import stopped at line 2: these AWS credentials")
    faults.faults.append(refuse("ResourceNotFoundException"))
    result = run("export", "--caller", caller)
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: The export stopped after 0 tickets and is incomplete: the table poc-itsm-tickets"
        " does not exist in us-east-1; correct TABLE_NAME or REGION.\n"
    )
    monkeypatch.setattr(Ticket, "_connection", None)
    environment = {"AWS_ENDPOINT_URL_DYNAMODB": "not a url"}
    result = shared_app().test_cli_runner(env=environment).invoke(args=["export"])
    assert "(Invalid endpoint: not a url)." in result.stderr


def on_terminal(url: str, *arguments: str, stdout: Any = subprocess.DEVNULL) -> str:
    """Run a command with a terminal as stderr; return the terminal's text.

    With `stdout=None`, the terminal is stdout too.
    """
    reader, terminal = pty.openpty()
    output = terminal if stdout is None else stdout
    command = [sys.executable, "-m", "flask", *arguments]
    settings = {"AWS_ENDPOINT_URL_DYNAMODB": url, "TABLE_NAME": Ticket.Meta.table_name}
    env = environ(**settings, TERM="xterm")
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=terminal)
    os.close(terminal)
    text = b""
    try:
        while chunk := os.read(reader, 4096):
            text += chunk
    except OSError:
        # Linux raises this error when the process has closed its end of the terminal.
        pass
    os.close(reader)
    assert process.wait() == 0
    return text.decode()


@pytest.mark.exhaustive
@ON_MOTO
def test_progress_is_shown_only_on_a_terminal(engine: str, caller: str, tmp_path: Path) -> None:
    store_tickets(caller, 3)
    arguments = ["export", "--caller", caller]
    with (tmp_path / "tickets.jsonl").open("wb") as file:
        shown = on_terminal(engine, *arguments, stdout=file)
    assert "Tickets" in shown
    assert "3" in shown
    assert len((tmp_path / "tickets.jsonl").read_text().splitlines()) == 3
    # No progress is shown if the exported lines go to the terminal.
    assert ids(on_terminal(engine, *arguments, stdout=None).encode()) == ids(export(*arguments[1:]))


@ON_MOTO
@pytest.mark.exhaustive
def test_import_shows_progress_on_a_terminal(engine: str, caller: str, tmp_path: Path) -> None:
    store_tickets(caller, 3)
    (tmp_path / "tickets.jsonl").write_bytes(export())
    assert "Tickets" in on_terminal(engine, "import", str(tmp_path / "tickets.jsonl"))


@ON_MOTO
@pytest.mark.parametrize(
    ("before", "after", "line_end"),
    [
        exhaustive((b"\xef\xbb\xbf", b"", b"\n")),
        exhaustive((b"", b"", b"\r\n")),
        exhaustive((b"\n", b"\n \t\n\n", b"\n\n")),
        (b"\xef\xbb\xbf\r\n", b" \n", b"\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("from_file", [True, exhaustive(False)])
def test_import_accepts_files_as_editors_and_tools_write_them(
    client: FlaskClient,
    caller: str,
    tmp_path: Path,
    before: bytes,
    after: bytes,
    line_end: bytes,
    compress: Callable[[bytes], bytes],
    from_file: bool,
) -> None:
    tickets = store_tickets(caller, 2)
    lines = export()
    for ticket in tickets:
        Ticket.get(ticket).delete()
    content = compress(before + lines.replace(b"\n", line_end) + after)
    (tmp_path / "tickets").write_bytes(content)
    result = run("import", str(tmp_path / "tickets")) if from_file else run("import", stdin=content)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "Imported: 2. Already existed: 0.\n"
    assert export() == lines


@ON_MOTO
@pytest.mark.parametrize("damage", ["cut off", "changed"])
def test_import_stops_at_the_damage_of_a_compressed_file(client: FlaskClient, damage: str) -> None:
    put("old", x={"S": random.Random(0).randbytes(50_000).hex()})
    content = gzip.compress(export())
    half = len(content) // 2
    damaged = content[:half] if damage == "cut off" else content[:half] + b"x" * half
    result = run("import", stdin=damaged)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Line 1 is not a ticket: the compressed file is damaged or incomplete." in result.stderr
    assert import_(content) == "Imported: 0. Already existed: 1.\n"


@ON_MOTO
def test_import_reports_a_file_that_cannot_be_read(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(io.BytesIO):
        def readinto(self, _: object) -> int:
            raise OSError(errno.EIO, "Input/output error")

    result = shared_app().test_cli_runner().invoke(args=["import"], input=Broken())
    assert (result.exit_code, result.stdout) == (1, "")
    assert "stopped at line 1: the file cannot be read (Input/output error)." in result.stderr


@ON_MOTO
@pytest.mark.embedded
@pytest.mark.parametrize(
    ("shell", "reason"),
    [
        ("> /dev/full", "the disk is full; free some space"),
        ("| true", "the program that reads the output has ended; let it read to the end"),
        (">&-", "there is no standard output; name a file"),
    ],
)
def test_export_that_is_not_written_ends_with_one_sentence(
    engine: str, shell: str, reason: str
) -> None:
    # More than a pipe and Python's buffer hold.
    put("large", x={"S": "x" * 300_000})
    result = subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; '{sys.executable}' -m flask export {shell}"],
        cwd=ROOT,
        env=environ(AWS_ENDPOINT_URL_DYNAMODB=engine, TABLE_NAME=Ticket.Meta.table_name),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    error = rf"Error: The export stopped after \d tickets and is incomplete: {reason}\.\n"
    assert re.fullmatch(error, result.stderr)


@ON_MOTO
@pytest.mark.parametrize("name", ["tickets.jsonl", "tickets.jsonl.gz"])
def test_export_replaces_a_file_when_the_export_is_complete(
    client: FlaskClient, faults: FaultyDynamoDB, caller: str, tmp_path: Path, name: str
) -> None:
    store_tickets(caller, 3)
    file, link = tmp_path / name, tmp_path / "link"
    link.symlink_to(file)
    for target in (file, link):
        file.write_text("earlier")
        faults.faults.append(refuse("AccessDeniedException"))
        result = run("export", str(target))
        assert result.exit_code == 1
        assert "stopped after 0 tickets and is incomplete: these AWS" in result.stderr
        assert file.read_text() == "earlier"
        assert run("export", str(target)).output == ""
        content = file.read_bytes()
        assert (gzip.decompress(content) if name.endswith("gz") else content) == export()
        assert sorted(tmp_path.iterdir()) == sorted([file, link])
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert import_(content) == "Imported: 0. Already existed: 3.\n"


@ON_MOTO
def test_export_to_a_file_that_cannot_be_written_is_an_error(
    client: FlaskClient, caller: str, tmp_path: Path
) -> None:
    store_tickets(caller, 1)
    for name, reason in (
        (f"{tmp_path}/none/tickets.jsonl", "No such file or directory; write to another file"),
        (str(tmp_path), "Is a directory; write to another file"),
        ("/dev/full", "the disk is full; free some space"),
    ):
        result = run("export", name)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.endswith(f" and is incomplete: {reason}.\n")
    assert run("export", "/dev/null").exit_code == 0
    assert [*tmp_path.iterdir()] == []


# A caller ID as release 0.1 stored it, and as this release stores it.
OLD_IDS = [
    ("", " Zoe\u0308 ", "Zo\u00eb"),
    ("", "Anonymous", "anonymous"),
    ("phone", "+1 (555) 01-43", "+15550143"),
]


@ON_MOTO
@pytest.mark.parametrize(("form", "old", "new"), OLD_IDS)
def test_export_and_import_normalise_the_caller_ids_of_release_0_1(
    client: FlaskClient,
    faults: FaultyDynamoDB,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    old: str,
    new: str,
) -> None:
    monkeypatch.setattr(config, "CALLER_ID_FORM", form)
    ticket = store_tickets(old, 1)[0]
    put("old", caller_id={"S": old})
    before = item_of(ticket)
    bound = {"X-Caller-Id": quote(old)}
    assert client.get("/tickets/old", headers=bound).status_code == 404
    lines = export()
    assert sorted(export("--caller", old).splitlines()) == sorted(lines.splitlines())
    # The response to the first write is lost: the command must not report another content.
    faults.faults.extend([apply, apply, apply_and_drop])
    result = run("import", stdin=lines)
    assert (result.exit_code, result.stdout) == (
        0,
        "Imported: 0. Already existed: 0.\nAlready existed, and now have the present form: 2.\n",
    )
    after = item_of(ticket)
    assert (after["caller_id"], after["revision"]) == ({"S": new}, before["revision"])
    found = Ticket.get(ticket)
    found.content_bytes = None
    assert after["content_bytes"] == {"N": str(sizes.of_ticket(found))}
    assert client.get("/tickets/old", headers=bound).json["caller_id"] == new
    # Both files can be imported again.
    for file in (lines, export()):
        assert import_(file) == "Imported: 0. Already existed: 2.\n"
    assert export("--caller", old) == export("--caller", new)
    assert sorted(ids(export("--caller", new))) == sorted([ticket, "old"])
    delete_all_tickets()
    assert import_(lines) == "Imported: 2. Already existed: 0.\n"
    assert item_of(ticket) == after


@ON_MOTO
def test_import_keeps_a_change_that_is_made_during_the_normalisation(
    client: FlaskClient, faults: FaultyDynamoDB
) -> None:
    put("old", caller_id={"S": "a "})
    lines = export()

    def change_first(engine: FaultyDynamoDB) -> Any:
        assert client.patch("/tickets/old", json={"priority": "low"}).status_code == 200
        return apply(engine)

    faults.faults.extend([apply, apply, change_first])
    result = run("import", stdin=lines)
    assert result.exit_code == 1
    assert "Line 1: ticket old already exists with other content." in result.stderr
    assert (item_of("old")["priority"], item_of("old")["caller_id"]) == ({"S": "low"}, {"S": "a "})
    import_(export())
    assert (item_of("old")["priority"], item_of("old")["caller_id"]) == ({"S": "low"}, {"S": "a"})


@ON_MOTO
def test_repeated_import_stores_a_ticket_that_was_deleted_during_the_import(
    client: FlaskClient, faults: FaultyDynamoDB
) -> None:
    put("old")
    lines = export()
    delete_all_tickets()
    faults.faults.append(refuse("ConditionalCheckFailedException"))
    assert run("import", stdin=lines).exit_code == 1
    assert import_(lines) == "Imported: 1. Already existed: 0.\n"


@ON_MOTO
def test_import_reports_tickets_whose_caller_id_requests_cannot_name(
    client: FlaskClient, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("control", caller_id={"S": "a\x00b"})
    store_tickets(caller, 1)
    erase_caller(caller, "--yes")
    lines = export()
    monkeypatch.setattr(config, "CALLER_ID_FORM", "phone")
    assert import_(lines) == (
        "Imported: 0. Already existed: 2.\nTickets with a caller ID that this service rejects in"
        " requests: 1. Only requests that name no caller can read them.\n"
    )
    assert client.get("/tickets/control").json["caller_id"] == "a\x00b"
    assert callers.stored_ids("a\x00b") == ["a\x00b"]
    assert ids(export("--caller", "a\x00b")) == ["control"]
