# ruff: noqa: E402 - importing the app reads the settings, so they are cleared first
"""Shared fixtures: the DynamoDB engines, test clients, tickets, the desk and the local AWS."""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pynamodb.connection.base import MetaTable

for setting in (
    "TABLE_NAME",
    "REGION",
    "STAGE",
    "LOCAL_DYNAMODB",
    "API_KEYS",
    "RETENTION_DAYS",
    "CALLER_ID_FORM",
    "CALLER_SECRET",
    "REDACT",
    "SECRET_KEY",
    "API_VIEWER",
    "SEARCH_TABLE",
    "CONNECT_INSTANCES",
):
    os.environ.pop(setting, None)

# A shell's background processes ignore SIGINT, and so would the processes that tests stop with it.
signal.signal(signal.SIGINT, signal.default_int_handler)

from itsm_app import config, create_app
from itsm_app.api import logs
from itsm_app.commands.app import create_command_app
from itsm_app.search import indexing
from itsm_app.storage import items, retry, search_table, table
from itsm_app.storage.models import Ticket
from itsm_app.storage.search_index import SearchItem
from itsm_app.tickets import notices
from tests.support.dynamodb_endpoint import use_dynamodb

from .support import exhaustive
from .support.aws import Aws, local_aws
from .support.deployment import Api, Clone
from .support.desk import AGENT, AGENT_ENTRY, ANNA, ANNA_ENTRY, BOB, BOB_ENTRY, SECRET, Desk
from .support.dynamodb_local import dynamodb_local
from .support.faulty_dynamodb import FaultyDynamoDB, delete_all_items, forget_requests
from .support.moto_stream import MotoStream

ENGINES = [
    "moto",
    pytest.param("dynamodb_local", marks=pytest.mark.storage),
    pytest.param("embedded", marks=pytest.mark.storage),
]
# The marks of all tests of a module.
MODULE_MARKS = re.compile(r"^pytestmark = (?:.(?!\n\n))*", re.MULTILINE | re.DOTALL)
ON_DYNAMODB_LOCAL = pytest.mark.parametrize("engine", ENGINES[1:], indirect=True)
# The embedded DynamoDB always has search.
WITHOUT_SEARCH = pytest.mark.parametrize("engine", ENGINES[:2], indirect=True)
ON_MOTO = pytest.mark.parametrize("engine", ["moto"], indirect=True)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run the slow suites in one process: they measure times, and share one deployment or server.

    The fast suite (`-m "not ..."`) and `-m exhaustive` run in one process per core.
    """
    in_parallel = config.option.markexpr.startswith(("not exhaustive", "exhaustive"))
    return None if in_parallel else 0


def _is_excluded(config: pytest.Config, mark: str) -> bool:
    return f"not {mark}" in config.option.markexpr


def pytest_configure(config: pytest.Config) -> None:
    """Let the fast suite not create the thousands of test items that it would then deselect."""
    exhaustive.is_chosen = not _is_excluded(config, "exhaustive")


def pytest_collection_finish() -> None:
    """Let the garbage collector ignore the loaded modules and tests: they take 6 % of the CPU."""
    gc.collect()
    gc.freeze()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Let the fast suite not import the modules of the slow suites."""
    if collection_path.suffix != ".py":
        return None
    marks = MODULE_MARKS.search(collection_path.read_text())
    names = re.findall(r"pytest\.mark\.(\w+)", marks[0]) if marks else []
    return True if any(_is_excluded(config, name) for name in names) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of an `engine` on all of them, unless the test itself names its engines."""
    marks = metafunc.definition.iter_markers("parametrize")
    if "engine" in metafunc.fixturenames and all(mark.args[0] != "engine" for mark in marks):
        engines = ENGINES[:1] if _is_excluded(metafunc.config, "storage") else ENGINES
        metafunc.parametrize("engine", engines, indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def _disable_retry_waits() -> None:
    retry.waits = False


@pytest.fixture(scope="session", autouse=True)
def _write_log_lines_at_once() -> None:
    """Write each log line in the thread that logs, because tests capture stderr."""
    logs.handler().close()


@pytest.fixture(autouse=True)
def _know_that_there_is_no_notice() -> None:
    """Let no request read the notice, except in tests of the notice: reads depend on the time."""
    notices.Memory.known = notices.Known(fresh_until=sys.maxsize)


@pytest.fixture(scope="module", autouse=True)
def _start_with_empty_tables() -> None:
    """Delete the items of earlier modules: for each query, moto reads all items of a table."""
    delete_all_items()
    forget_requests()


@pytest.fixture(scope="session")
def moto() -> Iterator[FaultyDynamoDB]:
    server = FaultyDynamoDB()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Start a DynamoDB with the table, point the app in this process to it, and return its URL."""
    if request.param == "moto":
        url = request.getfixturevalue("moto").url
        _use_engine(url)
        yield url
    elif request.param == "dynamodb_local":
        with dynamodb_local() as url:
            _use_engine(url)
            yield url
    else:
        folder = str(tmp_path_factory.mktemp("embedded"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(config, "LOCAL_DYNAMODB", folder)
            _use_engine("")
            table.turn_on_expiry()
            yield folder


def _use_engine(url: str) -> None:
    use_dynamodb(url)
    Ticket._connection = None
    table.create()


@pytest.fixture
def own_table(engine: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Create a table for one test, point the app in this process to it, and return its name."""
    name = f"own-{uuid4()}"
    monkeypatch.setattr(table, "TABLE_NAME", name)
    # The new connection shares the DynamoDB client, which takes 80 ms to create.
    connection = copy(Ticket.connection())
    connection.table_name = name
    schema = connection.connection.get_meta_table(Ticket.Meta.table_name).data
    connection.connection.add_meta_table(MetaTable({**schema, "TableName": name}))
    monkeypatch.setattr(Ticket.Meta, "table_name", name)
    monkeypatch.setattr(Ticket, "_connection", connection)
    table.create()
    return name


@pytest.fixture
def empty_table(engine: str) -> None:
    """Delete all tickets, which is faster than `own_table`. Use it only in `ON_MOTO` tests."""
    delete_all_items()


@pytest.fixture
def faults(engine: str, moto: FaultyDynamoDB) -> Iterator[FaultyDynamoDB]:
    """Return the moto engine, whose `faults` a test can set. Use it only in `ON_MOTO` tests."""
    moto.operations.clear()
    moto.bodies.clear()
    yield moto
    assert not moto.faults, (
        "some faults are left: the app sent fewer requests than the test expects"
    )


@cache
def shared_app() -> Flask:
    """Return the app without API keys. Create it once: that takes longer than most tests."""
    app = create_command_app()
    app.config["KEYLESS"] = True
    return app


@pytest.fixture
def client(engine: str) -> FlaskClient:
    return shared_app().test_client()


@pytest.fixture
def caller() -> str:
    return f"+1555{uuid4().int % 10**7:07}"


@pytest.fixture
def ticket(client: FlaskClient, caller: str) -> str:
    """Create a ticket for `caller` and return its id."""
    response = client.post(
        "/tickets", json={"caller_id": caller, "issue_description": "My printer is on fire"}
    )
    return str(response.json["ticket_id"])


@pytest.fixture(scope="session")
def app_with_keys() -> Flask:
    """Create the app with the keys of the desk and of an agent, once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "API_KEYS", f"{ANNA_ENTRY},{BOB_ENTRY},{AGENT_ENTRY}")
        return create_app()


@pytest.fixture
def desk_app(engine: str, app_with_keys: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Return an app that has API keys and a secret for the desk's sessions."""
    monkeypatch.setattr(config, "SECRET_KEY", SECRET)
    return app_with_keys


@pytest.fixture
def anna(desk_app: Flask) -> Desk:
    desk = Desk(desk_app)
    desk.sign_in(ANNA)
    return desk


@pytest.fixture
def bob(desk_app: Flask) -> Desk:
    desk = Desk(desk_app)
    desk.sign_in(BOB)
    return desk


@pytest.fixture
def file_ticket(desk_app: Flask, caller: str) -> Callable[..., str]:
    def file_ticket(description: str = "My printer is on fire", caller: str = caller) -> str:
        body = {"caller_id": caller, "issue_description": description}
        response = desk_app.test_client().post("/tickets", json=body, headers={"x-api-key": AGENT})
        return str(response.json["ticket_id"])

    return file_ticket


@pytest.fixture
def stored(desk_app: Flask) -> Callable[[str], Any]:
    """Return a function that reads a ticket with its history through the API."""

    def stored(ticket_id: str) -> Any:
        headers = {"x-api-key": ANNA}
        return desk_app.test_client().get(f"/tickets/{ticket_id}?history=all", headers=headers).json

    return stored


@pytest.fixture
def index(engine: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Turn the search on, with an empty search index. Use it only in `ON_MOTO` tests.

    Return a function that indexes a ticket, as the stream handler does after a write.
    """
    monkeypatch.setattr(config, "SEARCH_TABLE", SearchItem.Meta.table_name)
    search_table.create()
    delete_all_items()

    def index(ticket_id: str) -> None:
        indexing.apply(None, indexing.indexed(items.read(ticket_id)))

    return index


@pytest.fixture
def stream(index: Callable[[str], None]) -> Iterator[MotoStream]:
    """Turn on the stream of the ticket table, with an empty search index."""
    stream = MotoStream()
    yield stream
    stream.turn_off()


class Log:
    """Read the log lines that the app has written to stderr."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.text = ""

    def lines(self, message: str) -> list[dict[str, Any]]:
        self.text += self._capture.readouterr().err
        lines = [json.loads(line) for line in self.text.splitlines()]
        return [line for line in lines if line["message"] == message]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    return Log(capsys)


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with local_aws(tmp_path_factory.mktemp("aws")) as aws:
        yield aws


@pytest.fixture(scope="session")
def deployer(aws: Aws) -> Clone:
    """Deploy the app as the README describes, up to the first ticket."""
    clone = Clone(aws)
    clone.become_deployer()
    clone.deploy()
    return clone


@pytest.fixture(scope="session")
def api(aws: Aws, deployer: Clone) -> Iterator[Api]:
    api = Api(aws, deployer.callers)
    yield api
    api.close()


@pytest.fixture
def deployed_ticket(api: Api, caller: str) -> str:
    """Create a ticket for `caller` in the local AWS and return its id."""
    return str(api.create(caller).json()["ticket_id"])
