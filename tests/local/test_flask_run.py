"""The embedded DynamoDB: what `flask run` promises to a newcomer."""

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

TEXTS = "Ω שלום 😀"


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "state" / "dynamodb")


def test_it_says_where_things_are_and_its_curl_command_works(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        said = "".join(server.output)
        assert f"API at {server.url}/tickets" in said
        assert f"Data in {folder}" in said
        (curl,) = re.findall(r"Try: (curl .*)", said)
        answer = subprocess.run(curl, shell=True, capture_output=True, check=True).stdout
        ticket = json.loads(answer)["ticket_id"]
        assert server.request("GET", f"/tickets/{ticket}").status_code == 200


def test_it_answers_within_three_seconds(folder: str) -> None:
    """The best of three, for a machine that is busy with something else."""
    seconds: list[float] = []
    while len(seconds) < 3 and min(seconds, default=3) >= 3:
        start = time.monotonic()
        # Without the tracer of a coverage run, which a newcomer does not have.
        with flask_run(LOCAL_DYNAMODB=folder, COVERAGE_PROCESS_CONFIG=None) as server:
            server.create()
            seconds.append(time.monotonic() - start)
    assert min(seconds) < 3


def test_every_listener_is_on_loopback(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        listeners = [
            connection.laddr
            for process in server.processes()
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN
        ]
    assert {listener.ip for listener in listeners} == {"127.0.0.1"}
    assert len(listeners) == 2


def test_the_folder_is_for_the_user_alone(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder):
        assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
@pytest.mark.parametrize("options", [[], ["--debug"]], ids=["plain", "debug"])
def test_what_was_acknowledged_survives(
    folder: str, how: signal.Signals, options: list[str]
) -> None:
    with flask_run(*options, LOCAL_DYNAMODB=folder) as server:
        with ThreadPoolExecutor(8) as pool:
            tickets = list(pool.map(lambda _: server.create("a", TEXTS), range(40)))
        server.request("POST", f"/tickets/{tickets[0]}/comments", json={"comment": TEXTS})
        server.stop(how)
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        for ticket in tickets:
            found = server.request("GET", f"/tickets/{ticket}").json()
            assert found["issue_description"] == TEXTS
        found = server.request("GET", f"/tickets/{tickets[0]}").json()
        assert [comment["comment_text"] for comment in found["comments"]] == [TEXTS]


def test_kill_9_under_load_loses_nothing_acknowledged(folder: str) -> None:
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


def test_the_reloader_keeps_one_engine(folder: str, tmp_path: Path) -> None:
    watched = tmp_path / "watched"
    watched.touch()
    options = ["--debug", "--extra-files", str(watched)]
    with flask_run(*options, LOCAL_DYNAMODB=folder) as server:
        server.wait_for("Debugger PIN")
        (before,) = server.engines()
        ticket = server.create()
        watched.write_text("changed")
        server.wait_for("Restarting")
        server.wait_for("Debugger PIN")
        assert server.engines() == [before]
        assert server.request("GET", f"/tickets/{ticket}").status_code == 200


def test_a_crash_of_the_engine_is_reported_and_answers_stay_clean(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        server.engines()[0].kill()
        said = server.wait_for("has ended by itself")
        assert "(exit status -9). What was written since this start is lost." in said
        response = server.request("GET", "/tickets/x")
        assert response.status_code == 500
        assert response.json()["code"] == "storage_unavailable"
        server.stop()


def test_an_engine_that_ends_well_by_itself_is_reported_as_such(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        ticket = server.create()
        server.engines()[0].terminate()
        assert "(exit status 0). It saved first." in server.wait_for("has ended by itself")
        server.stop()
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        assert server.request("GET", f"/tickets/{ticket}").status_code == 200


def test_a_save_that_fails_is_said_although_flask_has_ended(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        (Path(folder) / "dynamodb.json.tmp").mkdir()
        server.stop()
        assert "failed to save dynamodb" in server.wait_for("Persistence")


def test_a_second_one_in_the_same_folder_is_refused(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        ticket = server.create()
        second = command("run", LOCAL_DYNAMODB=folder)
        assert second.returncode == 1
        assert f"Another `flask run` is using {folder}" in second.stderr
        assert server.request("GET", f"/tickets/{ticket}").status_code == 200


def test_one_that_follows_at_once_waits_for_the_state(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        ticket = server.create()
        server.process.kill()
        with flask_run(LOCAL_DYNAMODB=folder) as successor:
            assert successor.request("GET", f"/tickets/{ticket}").status_code == 200
        server.process.wait()


def test_a_damaged_state_is_set_aside(folder: str) -> None:
    state = Path(folder) / "dynamodb.json"
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        server.create()
    damaged = state.read_bytes()[:-100]
    state.write_bytes(damaged)
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        assert f"{state} is damaged: set aside as {state}.damaged-" in "".join(server.output)
        assert server.request("GET", "/tickets?caller=a").json() == {"tickets": []}
        ticket = server.create()
    (aside,) = state.parent.glob("dynamodb.json.damaged-*")
    assert aside.read_bytes() == damaged
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        assert server.request("GET", f"/tickets/{ticket}").status_code == 200


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        result = command("run", LOCAL_DYNAMODB=str(folder))
        assert result.returncode == 1
        assert result.stderr.startswith(f"Error: {folder} cannot be used: ")


def test_a_table_that_cannot_be_made_is_an_error(folder: str) -> None:
    result = command("run", LOCAL_DYNAMODB=folder, TABLE_NAME="no such name")
    assert result.returncode == 1
    assert f"Error: {folder} has no table no such name in us-east-1" in result.stderr
    assert "Correct TABLE_NAME or REGION" in result.stderr


def test_an_engine_that_does_not_start_is_an_error(folder: str, tmp_path: Path) -> None:
    broken = tmp_path / "ministack"
    broken.mkdir()
    (broken / "__init__.py").touch()
    (broken / "app.py").write_text("raise SystemExit('no ministack today')")
    result = command("run", LOCAL_DYNAMODB=folder, PYTHONPATH=str(tmp_path))
    assert result.returncode == 1
    assert "no ministack today" in result.stderr
    assert "Error: The embedded DynamoDB did not start" in result.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {"LOCAL_DYNAMODB": ""},
        {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"},
        {"AWS_LAMBDA_FUNCTION_NAME": "poc-itsm-api-handler"},
    ],
)
def test_it_is_not_started_where_it_is_not_wanted(folder: str, environment: dict[str, str]) -> None:
    with flask_run(**{"LOCAL_DYNAMODB": folder, **environment}) as server:
        assert len(server.processes()) == 1
        assert not Path(folder).exists()
        server.stop()


def test_other_commands_do_not_start_it(folder: str) -> None:
    result = command("routes", LOCAL_DYNAMODB=folder)
    assert result.returncode == 0
    assert "/tickets/<ticket_id>/comments" in result.stdout
    assert not Path(folder).exists()


def test_neither_credentials_nor_a_proxy_of_the_users_matter(folder: str) -> None:
    nowhere = "http://127.0.0.1:9"
    environment = {
        "HTTP_PROXY": nowhere,
        "http_proxy": nowhere,
        "AWS_PROFILE": "no-such-profile",
        "AWS_DEFAULT_PROFILE": "no-such-profile",
        "AWS_CONFIG_FILE": __file__,
        "AWS_ACCESS_KEY_ID": "mine",
        "AWS_SESSION_TOKEN": "mine",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    }
    with flask_run(LOCAL_DYNAMODB=folder, **environment) as server:
        with requests.Session() as session:
            session.trust_env = False
            response = session.get(f"{server.url}/tickets?caller=a")
        assert response.json() == {"tickets": []}
        assert "mine" not in server.engines()[0].environ().values()


def test_settings_of_ministacks_own_do_not_matter(folder: str) -> None:
    own = {"AUTH": "true", "USE_SSL": "1", "BIND_HOST": "0.0.0.0", "SERVICES": "s3"}
    with flask_run(LOCAL_DYNAMODB=folder, PERSIST_STATE="0", LOG_LEVEL="DEBUG", **own) as server:
        ticket = server.create()
        assert server.request("GET", f"/tickets/{ticket}").status_code == 200
        assert "DEBUG" not in "".join(server.output)


def test_400_concurrent_comments_are_all_kept(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        path = f"/tickets/{server.create()}"

        def comment(number: int) -> int:
            sent = {"comment": f"comment {number}"}
            return server.request("POST", f"{path}/comments", json=sent).status_code

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(comment, range(400))) == {200}
        comments = server.request("GET", path).json()["comments"]
    assert len({each["comment_text"] for each in comments}) == len(comments) == 400
    assert "Connection pool is full" not in "".join(server.output)


def test_nothing_of_a_requests_line_is_logged(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(b"GET /tickets?caller=secret of a caller HTTP/1.1\r\n\r\n")
            assert b"400" in connection.recv(100)
        server.request("GET", "/tickets/secret")
        server.wait_for('"get_ticket_status"')
        assert "secret" not in "".join(server.output)


def test_a_body_that_is_too_large_is_refused_over_a_real_connection(folder: str) -> None:
    with flask_run(LOCAL_DYNAMODB=folder) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(b"POST /tickets HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n")
            assert b"413" in connection.recv(100)
        chunks = iter([b'{"caller_id": "a", "issue_description": "b"}', b" " * 70_000])
        assert server.request("POST", "/tickets", data=chunks).status_code == 413
        chunks = iter([b'{"caller_id": "a",', b'"issue_description": "b"}'])
        assert server.request("POST", "/tickets", data=chunks).status_code == 201


def test_with_keys_it_is_open_to_who_has_one_and_says_how_to_send_it(folder: str) -> None:
    key, entry = auth.make("voice", "agent")
    with flask_run(LOCAL_DYNAMODB=folder, API_KEYS=entry) as server:
        said = "".join(server.output)
        assert "No API_KEYS" not in said
        assert "Try: curl -H 'x-api-key: KEY' -d" in said
        assert f"desk at http://127.0.0.1:{server.port}/desk" in said
        assert server.request("GET", "/tickets/x").status_code == 401
        sent = {"x-api-key": key}
        assert server.request("GET", "/tickets/x", headers=sent).status_code == 404
