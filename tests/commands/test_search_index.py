"""Tests of `flask rebuild-search`, `flask check-search` and `flask parked`."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from click.testing import Result
from flask.testing import FlaskClient

from itsm_app import config
from itsm_app.commands import search_index as commands
from itsm_app.search import check, rebuild
from itsm_app.storage import items, search_index
from itsm_app.storage.models import Ticket
from itsm_app.storage.search_index import Place

from ..changes.test_processing import create, differences, poison, put, search
from ..conftest import ON_MOTO, shared_app
from ..support.exhaustive import exhaustive, one_per_path
from ..support.faulty_dynamodb import FaultyDynamoDB, at, delete_all_items, refuse
from ..support.moto_stream import MotoStream

pytestmark = ON_MOTO

COMMANDS = ["rebuild-search", *map(exhaustive, ("check-search", "parked"))]
GOES_ON = "The last rebuild was interrupted. It goes on.\n"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "WAIT_SECONDS", 0)
    monkeypatch.setattr(rebuild, "POLL_SECONDS", 0.002)


@pytest.fixture
def _no_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a rebuild wait for a stream handler that does not run, but not for long."""
    monkeypatch.setattr(rebuild, "MAX_WAIT_SECONDS", 0.05)


def flask(*arguments: str) -> Result:
    return shared_app().test_cli_runner().invoke(args=arguments)


def place_of(ticket: str) -> Place:
    return Place.of(ticket, str(Ticket.get(ticket).created_at))


def clear_index() -> None:
    delete_all_items(config.SEARCH_TABLE)


def test_rebuild_indexes_all_tickets_of_an_empty_index(
    client: FlaskClient, stream: MotoStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "BATCH_TICKETS", 2)
    monkeypatch.setattr(commands, "PROGRESS_TICKETS", 3)
    tickets = [create(client, "The lift") for _ in range(5)]
    stream.process()
    clear_index()
    versions = [Ticket.get(each).revision for each in tickets]
    assert search(client, "lift") == []
    with stream.followed():
        result = flask("rebuild-search")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "Tickets indexed: 4\nThe search index has all 5 tickets.\n"
    assert search(client, "lift") == tickets[::-1]
    assert differences() == []
    assert [Ticket.get(each).revision for each in tickets] == versions
    assert flask("check-search").stdout.startswith("The search index has the ")


@pytest.mark.exhaustive
def test_rebuild_corrects_the_index(client: FlaskClient, stream: MotoStream) -> None:
    ticket, other = create(client, "The lift"), create(client, "The stairs")
    poison("broken")
    while stream.records():
        stream.process()
    search_index.write_postings(place_of(ticket), [], ["lift"])
    search_index.add_tokens(place_of(other), ["lift"], None)
    search_index.write_postings(place_of(other), ["lift"], [])
    assert len(differences()) == 2
    with stream.followed():
        result = flask("rebuild-search")
    assert result.stdout == "The search index has all 3 tickets.\n"
    assert differences() == []
    assert search(client, "lift") == [ticket]


@pytest.mark.exhaustive
def test_rebuild_runs_while_tickets_are_created_changed_and_deleted(
    client: FlaskClient, stream: MotoStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "BATCH_TICKETS", 2)
    tickets = [create(client, f"Lift {number}") for number in range(8)]
    stream.process()
    clear_index()

    def write() -> None:
        for each in tickets[::2]:
            create(client, "New lift")
            client.post(f"/tickets/{each}/comments", json={"comment": "stairs"})
        for each in tickets[1::2]:
            Ticket(each).delete()

    writer = threading.Thread(target=write)
    with stream.followed():
        writer.start()
        result = flask("rebuild-search")
        writer.join()
    stream.process()
    assert result.exit_code == 0, result.output
    assert differences() == []
    assert search(client, "stairs") == tickets[-2::-2]
    assert len(search(client, "lift")) == 8


@pytest.mark.usefixtures("_no_handler")
def test_rebuild_is_interrupted_at_each_point_and_goes_on(
    client: FlaskClient,
    stream: MotoStream,
    faults: FaultyDynamoDB,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuild, "BATCH_TICKETS", 2)
    tickets = [create(client, "The lift") for _ in range(3)]
    stream.process()
    clear_index()
    outputs: list[str] = []
    while True:
        stream.process()
        for operation in ("GetItem", "PutItem", "Scan", "UpdateItem", "Query"):
            faults.faults.append(at(operation, refuse("AccessDeniedException")))
            result = flask("rebuild-search")
            assert (result.exit_code, len(faults.faults)) == (1, 0), operation
            assert "these AWS credentials do not have the required" in result.stderr
        result = flask("rebuild-search")
        outputs.append(result.stdout)
        if result.exit_code == 0:
            break
        assert result.stderr == f"Error: {commands.NOT_FOLLOWED}\n"
    assert outputs == [GOES_ON, GOES_ON, f"{GOES_ON}The search index has all 3 tickets.\n"]
    assert search(client, "lift") == tickets[::-1]
    assert differences() == []
    assert not rebuild.is_unfinished()


@pytest.mark.usefixtures("_no_handler")
def test_rebuild_fails_if_no_handler_follows_the_stream(
    client: FlaskClient, stream: MotoStream
) -> None:
    create(client, "The lift")
    result = flask("rebuild-search")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: {commands.NOT_FOLLOWED}\n"
    stream.process()
    result = flask("rebuild-search")
    assert result.stdout == f"{GOES_ON}The search index has all 1 tickets.\n"


def test_rebuild_does_not_wait_for_a_ticket_that_was_deleted(
    client: FlaskClient, stream: MotoStream
) -> None:
    ticket = create(client, "The lift")
    stream.process()
    assert items.touch(ticket, "x")
    Ticket(ticket).delete()
    assert not items.touch(ticket, "x")
    assert rebuild._await_one(ticket, "x", set())


def plant(kind: str, ticket: str) -> str:
    """Make the index differ from a ticket. Return the id in the output."""
    place = place_of(ticket)
    if kind == "missing":
        search_index.write_postings(place, [], ["lift"])
    elif kind == "extra":
        search_index.write_postings(place, ["other"], [])
    elif kind == "unlisted":
        search_index.remove_tokens(place, ["lift"])
    else:
        place = Place.of("no-ticket", "2026-02-09T12:20:25.343883Z")
        search_index.write_postings(place, ["lift"], [])
    return place.ticket_id


@pytest.mark.parametrize(
    ("kind", "numbers"),
    one_per_path(
        [
            ("missing", "1 missing, 0 extra, 0 unlisted"),
            ("extra", "0 missing, 1 extra, 1 unlisted"),
            ("unlisted", "0 missing, 0 extra, 1 unlisted"),
            ("no ticket", "0 missing, 1 extra, 1 unlisted"),
        ],
        lambda case: case[0] == "unlisted",
    ),
)
def test_check_fails_at_a_planted_difference(
    client: FlaskClient, stream: MotoStream, kind: str, numbers: str
) -> None:
    ticket = create(client, "The lift")
    stream.process()
    planted = plant(kind, ticket)
    result = flask("check-search")
    assert (result.exit_code, result.stdout) == (1, f"{planted}: {numbers}\n")
    assert "Tickets that differ: 1 of 1." in result.stderr
    assert "flask rebuild-search" in result.stderr


def test_check_lists_the_first_differences(
    client: FlaskClient, stream: MotoStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "MAX_LINES", 2)
    for _ in range(3):
        create(client, "The lift")
    result = flask("check-search")
    assert (result.exit_code, len(result.stdout.splitlines())) == (1, 2)
    assert "Tickets that differ: 3 of 3." in result.stderr


def test_check_accepts_an_unreadable_ticket_only_if_its_change_is_parked(
    client: FlaskClient, stream: MotoStream
) -> None:
    poison("broken")
    result = flask("check-search")
    assert result.exit_code == 1
    assert result.stdout == "broken: the ticket cannot be read, and its change is not parked\n"
    while stream.records():
        stream.process()
    assert flask("check-search").exit_code == 0


def test_parked_changes_are_listed_and_replayed(client: FlaskClient, stream: MotoStream) -> None:
    assert flask("parked").stdout == "Parked changes: 0.\n"
    repaired, deleted, broken = (create(client, f"Lift {name}") for name in "abc")
    stream.process()
    good = {each: items.read_item(each) for each in (repaired, broken)}
    for each in (repaired, deleted, broken):
        poison(each)
    while stream.records():
        stream.process()
    first = flask("parked")
    assert first.exit_code == 0
    *lines, last = first.stdout.splitlines()
    assert last == "Parked changes: 3."
    assert [line.split(" ", 1)[1].partition(", line")[0] for line in lines] == [
        f"search {each}: AttributeError in tokens.py" for each in (repaired, deleted, broken)
    ]
    assert flask("parked").stdout == first.stdout
    put(good[repaired])
    Ticket(deleted).delete()
    while stream.records():
        stream.process()
    with stream.followed():
        result = flask("parked", "--replay")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "Changes processed: 3. Parked again: 1."
    assert "Some tickets still cannot be indexed." in result.stderr
    assert [each.ticket_id for each in search_index.parked()] == [broken]
    assert search(client, "lift") == [repaired]
    assert differences() == []
    put(good[broken])
    while stream.records():
        stream.process()
    with stream.followed():
        result = flask("parked", "--replay")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "Changes processed: 1. Parked again: 0."
    assert search_index.parked() == []
    assert search(client, "lift") == [broken, repaired]
    assert differences() == []


@pytest.mark.usefixtures("_no_handler")
def test_replay_keeps_the_change_if_no_handler_follows_the_stream(
    client: FlaskClient, stream: MotoStream
) -> None:
    ticket = create(client, "The lift")
    good = items.read_item(ticket)
    poison(ticket)
    while stream.records():
        stream.process()
    put(good)
    result = flask("parked", "--replay")
    assert (result.exit_code, result.stderr) == (1, f"Error: {commands.NOT_FOLLOWED}\n")
    assert [each.ticket_id for each in search_index.parked()] == [ticket]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_need_the_setting(client: FlaskClient, command: str) -> None:
    result = flask(command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Search is off: set SEARCH_TABLE" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_name_the_table_that_does_not_exist(
    index: Callable[[str], None], command: str, faults: FaultyDynamoDB
) -> None:
    faults.faults.append(refuse("ResourceNotFoundException"))
    result = flask(command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert config.SEARCH_TABLE in result.stderr
    assert "flask init-db" in result.stderr


def test_check_goes_on_after_a_throttled_request(
    client: FlaskClient, stream: MotoStream, faults: FaultyDynamoDB
) -> None:
    create(client, "The lift")
    stream.process()
    faults.faults.extend([refuse("ThrottlingException")] * 2)
    assert flask("check-search").exit_code == 0
