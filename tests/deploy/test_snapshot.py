"""Tests of SnapStart: two forks of the loaded Lambda stand for two copies of one snapshot."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from ..conftest import ON_MOTO
from ..support import api_gateway
from ..support.faulty_dynamodb import FaultyDynamoDB, pass_on, refuse
from ..support.flask_run import ROOT

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from ..support.faulty_dynamodb import Fault

pytestmark = ON_MOTO

NEW = '{"caller_id": "a", "issue_description": "b"}'
# Loads the handler, as the INIT phase does, and prints the open sockets, which a snapshot must not
# contain. Then each of two forks handles the event with its own environment.
TWO_COPIES = """
import json, os, sys
import psutil
from deploy.lambda_handler import lambda_handler
def print_json(**result): print(json.dumps(result), flush=True)
print_json(sockets=[str(socket) for socket in psutil.Process().net_connections()])
event, *changes = json.loads(sys.argv[1])
for change in changes:
    copy = os.fork()
    if not copy:
        os.environ.update(change)
        print_json(response=lambda_handler(event, None))
        os._exit(0)
    assert os.waitpid(copy, 0)[1] == 0
"""
# Credentials of a Lambda without SnapStart ("Defined runtime environment variables" in the AWS
# Lambda guide) and with SnapStart ("Activating and managing Lambda SnapStart" in the same guide).
KEYS = {"AWS_ACCESS_KEY_ID": "AT-INIT", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "x"}
FULL_URI, TOKEN = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"


class Copies:
    """The results of two copies of the loaded Lambda that each create a ticket.

    Each copy is throttled once. `keys` holds the access keys that signed the requests to DynamoDB.
    """

    def __init__(self, dynamodb: FaultyDynamoDB, changes: list[dict[str, str]], **env: str) -> None:
        self.keys: list[str] = []
        throttled = refuse("ThrottlingException")
        passed = self._signed(lambda _: pass_on)
        # The write, its repetition, and the read of the notice.
        dynamodb.faults.extend([self._signed(throttled), passed, passed] * 2)
        event = api_gateway.event("POST", "/tickets", body=NEW)
        # Without the request id of API Gateway, the app creates one.
        del event["requestContext"]["requestId"]
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", TWO_COPIES, json.dumps([event, *changes])],
            cwd=ROOT,
            env={**environment_without_aws(), "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url, **env},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        lines = [json.loads(line) for line in (result.stdout + result.stderr).splitlines()]
        (self.sockets,) = [line["sockets"] for line in lines if "sockets" in line]
        self.responses = [
            api_gateway.ApiResponse(line["response"]) for line in lines if "response" in line
        ]
        self.waits = [line["wait"] for line in lines if "wait" in line]

    def _signed(self, fault: Fault) -> Fault:
        """Return the fault, extended to record the access key that signed the request."""

        def record(engine: FaultyDynamoDB) -> WSGIApplication:
            def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
                self.keys += re.findall("Credential=([^/]+)/", environ["HTTP_AUTHORIZATION"])
                return fault(engine)(environ, start_response)

            return app

        return record


def environment_without_aws() -> dict[str, str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    function = {"AWS_LAMBDA_FUNCTION_NAME": "poc-itsm-api-handler"}
    return {**variables, **function, "API_KEYS": api_gateway.API_KEYS}


class CredentialsEndpoint:
    """The credentials endpoint of a Lambda with SnapStart, on loopback.

    Each request gets new credentials. `issued_keys` holds their access keys.
    """

    def __init__(self) -> None:
        self.issued_keys: list[str] = []
        issued_keys = self.issued_keys

        class Handler(BaseHTTPRequestHandler):
            # Clients can keep the connection open, as in a Lambda.
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                assert self.headers["Authorization"] == "token"
                issued_keys.append(f"KEY-{len(issued_keys)}")
                fields = {
                    "AccessKeyId": issued_keys[-1],
                    "SecretAccessKey": "secret",
                    "Token": "token",
                }
                body = json.dumps({**fields, "Expiration": "2099-01-01T00:00:00Z"}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Do not log requests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/2021-04-23/credentials"

    def __enter__(self) -> CredentialsEndpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.mark.exhaustive
def test_copies_have_different_ids_and_retry_waits_and_use_their_own_credentials(
    faults: FaultyDynamoDB,
) -> None:
    changes = [{**KEYS, "AWS_ACCESS_KEY_ID": name} for name in ("FIRST", "SECOND")]
    copies = Copies(faults, changes, **KEYS)
    assert [response.status for response in copies.responses] == [201, 201]
    tickets = [response.json["ticket_id"] for response in copies.responses]
    requests = [response.header("X-Request-Id") for response in copies.responses]
    assert len({*tickets, *requests}) == 4
    assert len(copies.waits) == len({*copies.waits}) == 2
    assert copies.sockets == []
    assert copies.keys == ["FIRST"] * 3 + ["SECOND"] * 3


def test_snapshot_has_no_snapstart_credentials_and_no_open_connection(
    faults: FaultyDynamoDB,
) -> None:
    with CredentialsEndpoint() as endpoint:
        copies = Copies(faults, [{}, {}], **{FULL_URI: endpoint.url, TOKEN: "token"})
    assert [response.status for response in copies.responses] == [201, 201]
    assert copies.sockets == []
    # Each copy fetched credentials once. The INIT phase fetched none.
    assert endpoint.issued_keys == ["KEY-0", "KEY-1"]
    assert copies.keys == ["KEY-0"] * 3 + ["KEY-1"] * 3
