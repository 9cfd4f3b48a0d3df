"""Tests of `flask run` with its embedded DynamoDB engine."""

from __future__ import annotations

import json
import re
import signal
import socket
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from itsm_app.api import auth

from ..support.flask_run import FlaskRun, command, flask_run

pytestmark = pytest.mark.embedded

UNICODE_TEXT = "Ω שלום 😀"


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "state" / "dynamodb")


def test_prints_its_urls_and_a_working_curl_command(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        output = "".join(server.output)
        assert f"API at {server.url}/tickets" in output
        assert f"Tickets are stored in {folder}" in output
        (curl,) = re.findall(r"Try: (curl .*)", output)
        response = subprocess.run(curl, shell=True, capture_output=True, check=True).stdout
        ticket = json.loads(response)["ticket_id"]
        assert server.request("GET", f"/tickets/{ticket}").status_code == 200


def test_creates_the_first_ticket_within_three_seconds(folder: str) -> None:
    """The best of three runs counts, because the machine may be busy."""
    seconds: list[float] = []
    while len(seconds) < 3 and min(seconds, default=3) >= 3:
        start = time.monotonic()
        # A coverage run would trace the process, which costs time that users do not spend.
        with flask_run(LOCAL_DYNAMODB=folder, COVERAGE_PROCESS_CONFIG=None) as server:
            server.create()
            seconds.append(time.monotonic() - start)
    assert min(seconds) < 3


def test_listens_on_the_port_of_the_api_only(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        listeners = [
            connection.laddr
            for process in server.processes()
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN
        ]
    assert [(listener.ip, listener.port) for listener in listeners] == [("127.0.0.1", server.port)]


def test_only_the_user_can_read_the_data_folder(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        server.create()
        assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
        files = list(Path(folder).iterdir())
        assert len(files) == 3
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize(
    "signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP]
)
@pytest.mark.parametrize("options", [[], ["--debug"]], ids=["plain", "debug"])
def test_acknowledged_writes_survive_a_signal(
    folder: str, signal_number: signal.Signals, options: list[str]
) -> None:
    with flask_run(*options, LOCAL_DYNAMODB=folder) as server:
        with ThreadPoolExecutor(8) as pool:
            tickets = list(pool.map(lambda _: server.create("a", UNICODE_TEXT), range(40)))
        server.request("POST", f"/tickets/{tickets[0]}/comments", json={"comment": UNICODE_TEXT})
        server.stop(signal_number)
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        for ticket in tickets:
            found = server.request("GET", f"/tickets/{ticket}").json()
            assert found["issue_description"] == UNICODE_TEXT
        found = server.request("GET", f"/tickets/{tickets[0]}").json()
        assert [comment["comment_text"] for comment in found["comments"]] == [UNICODE_TEXT]


def test_acknowledged_writes_survive_sigkill_under_load(folder: str) -> None:
    acknowledged: list[str] = []

    def write(server: FlaskRun) -> None:
        try:
            while True:
                acknowledged.append(server.create())
        except requests.RequestException:
            pass

    with flask_run(LOCAL_DYNAMODB=folder) as server, ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, server) for _ in range(4)]
        for _ in range(20):
            server.request("GET", "/tickets?caller=a")
        server.stop(signal.SIGKILL)
        for writer in writers:
            writer.result()
    assert len(acknowledged) > 4
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        for ticket in acknowledged:
            assert server.request("GET", f"/tickets/{ticket}").status_code == 200


def test_unusable_data_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        result = command("run", LOCAL_DYNAMODB=str(folder))
        assert result.returncode == 1
        assert result.stderr.startswith(f"Error: {folder} cannot be used: ")


@pytest.mark.parametrize(
    "environment",
    [
        {"LOCAL_DYNAMODB": ""},
        {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"},
        {"AWS_LAMBDA_FUNCTION_NAME": "poc-itsm-api-handler"},
    ],
)
def test_starts_no_engine_when_the_environment_excludes_it(
    folder: str, environment: dict[str, str]
) -> None:
    with flask_run(**{"LOCAL_DYNAMODB": folder, **environment}) as server:
        assert len(server.processes()) == 1
        assert not Path(folder).exists()
        server.stop()


def test_other_commands_start_no_engine(folder: str) -> None:
    result = command("routes", LOCAL_DYNAMODB=folder)
    assert result.returncode == 0
    assert "/tickets/<ticket_id>/comments" in result.stdout
    assert not Path(folder).exists()


def test_stores_400_concurrent_comments(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        path = f"/tickets/{server.create()}"

        def comment(number: int) -> int:
            body = {"comment": f"comment {number}"}
            return server.request("POST", f"{path}/comments", json=body).status_code

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(comment, range(400))) == {200}
        comments = server.request("GET", path).json()["comments"]
    assert len({comment["comment_text"] for comment in comments}) == len(comments) == 400
    assert "Connection pool is full" not in "".join(server.output)


def test_logs_no_part_of_the_request_line(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(b"GET /tickets?caller=secret of a caller HTTP/1.1\r\n\r\n")
            assert b"400" in connection.recv(100)
        server.request("GET", "/tickets/secret")
        server.wait_for('"get_ticket_status"')
        assert "secret" not in "".join(server.output)


def test_rejects_oversized_bodies_over_a_real_connection(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(b"POST /tickets HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n")
            assert b"413" in connection.recv(100)
        chunks = iter([b'{"caller_id": "a", "issue_description": "b"}', b" " * 70_000])
        assert server.request("POST", "/tickets", data=chunks).status_code == 413
        chunks = iter([b'{"caller_id": "a",', b'"issue_description": "b"}'])
        assert server.request("POST", "/tickets", data=chunks).status_code == 201


def test_requires_a_configured_key_and_prints_how_to_send_it(folder: str) -> None:
    key, entry = auth.make("voice", "agent")
    with flask_run(LOCAL_DYNAMODB=folder, API_KEYS=entry) as server:
        output = "".join(server.output)
        assert "No API_KEYS" not in output
        assert "Try: curl -H 'x-api-key: KEY' -d" in output
        assert f"desk at http://127.0.0.1:{server.port}/desk" in output
        assert server.request("GET", "/tickets/x").status_code == 401
        headers = {"x-api-key": key}
        assert server.request("GET", "/tickets/x", headers=headers).status_code == 404


def test_reloader_keeps_the_tickets(folder: str, tmp_path: Path) -> None:
    watched = tmp_path / "watched"
    watched.touch()
    options = ["--debug", "--extra-files", str(watched)]
    with flask_run(*options, LOCAL_DYNAMODB=folder) as server:
        server.wait_for("Debugger PIN")
        ticket = server.create()
        watched.write_text("changed")
        server.wait_for("Restarting")
        server.wait_for("Debugger PIN")
        assert server.request("GET", f"/tickets/{ticket}").status_code == 200


def test_two_servers_share_one_folder(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as first, flask_run(LOCAL_DYNAMODB=folder) as second:
        with ThreadPoolExecutor(8) as pool:
            servers = [first, second] * 20
            tickets = list(pool.map(lambda server: server.create(), servers))
        for ticket in tickets:
            for server in (first, second):
                assert server.request("GET", f"/tickets/{ticket}").status_code == 200


@pytest.mark.parametrize("is_running", [True, False])
def test_commands_use_the_local_store(folder: str, is_running: bool) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        ticket = server.create("+15550100", UNICODE_TEXT)
        if not is_running:
            server.stop()
        exported = command("export", LOCAL_DYNAMODB=folder)
        assert exported.returncode == 0
        assert json.loads(exported.stdout)["Item"]["ticket_id"] == {"S": ticket}
        assert command("init-db", LOCAL_DYNAMODB=folder).returncode == 0
        erased = command("erase-caller", "+15550100", "--yes", LOCAL_DYNAMODB=folder)
        assert erased.returncode == 0
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        found = server.request("GET", f"/tickets/{ticket}").json()
        assert found["issue_description"] == "[erased]"


def test_import_of_an_export_restores_the_tickets(folder: str, tmp_path: Path) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        ticket = server.create("a", UNICODE_TEXT)
    file = tmp_path / "tickets.jsonl"
    file.write_text(command("export", LOCAL_DYNAMODB=folder).stdout)
    other = str(tmp_path / "other")
    assert command("init-db", LOCAL_DYNAMODB=other).returncode == 0
    assert command("import", str(file), LOCAL_DYNAMODB=other).returncode == 0
    with flask_run(LOCAL_DYNAMODB=other) as server:
        found = server.request("GET", f"/tickets/{ticket}").json()
        assert found["issue_description"] == UNICODE_TEXT


@pytest.mark.parametrize(
    "setting",
    [
        {"AWS_PROFILE": "no-such-profile"},
        {"AWS_DEFAULTS_MODE": "bogus"},
        {"AWS_ENDPOINT_DISCOVERY_ENABLED": "true"},
        {"HTTP_PROXY": "http://127.0.0.1:9"},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_local_store_ignores_settings_of_the_aws_sdk(folder: str, setting: dict[str, str]) -> None:
    with flask_run(LOCAL_DYNAMODB=folder, **setting) as server:
        with requests.Session() as session:
            session.trust_env = False
            response = session.get(f"{server.url}/tickets?caller=a")
        assert response.json() == {"tickets": []}
