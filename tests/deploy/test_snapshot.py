"""Two forks of the loaded Lambda stand for two copies restored from its snapshot (SnapStart)."""

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

from ..conftest import ON_MOTO
from ..support import api_gateway
from ..support.faulty_dynamodb import FaultyDynamoDB, pass_on, refuse
from ..support.flask_run import ROOT

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from ..support.faulty_dynamodb import Fault

pytestmark = ON_MOTO

NEW = '{"caller_id": "a", "issue_description": "b"}'
# Loads the handler, as INIT does, and prints what a snapshot must not hold. Then each of two forks
# answers the event, with an environment of its own.
TWO_COPIES = """
import json, os, sys
import psutil
from deploy.lambda_handler import lambda_handler
def tell(**result): print(json.dumps(result), flush=True)
tell(sockets=[str(each) for each in psutil.Process().net_connections()])
event, *changes = json.loads(sys.argv[1])
for change in changes:
    copy = os.fork()
    if not copy:
        os.environ.update(change)
        tell(answer=lambda_handler(event, None))
        os._exit(0)
    assert os.waitpid(copy, 0)[1] == 0
"""
# "Defined runtime environment variables" in the AWS Lambda guide; with SnapStart a Lambda gets the
# second kind ("Activating and managing Lambda SnapStart", there).
KEYS = {"AWS_ACCESS_KEY_ID": "AT-INIT", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "x"}
FULL_URI, TOKEN = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"


class Copies:
    """What two copies of the loaded Lambda did, each asked to file a ticket, throttled once."""

    def __init__(self, dynamodb: FaultyDynamoDB, changes: list[dict[str, str]], **env: str) -> None:
        self.keys: list[str] = []
        throttled = refuse("ThrottlingException")
        dynamodb.faults.extend([self._signed(throttled), self._signed(lambda _: pass_on)] * 2)
        event = api_gateway.event("POST", "/tickets", body=NEW)
        # Without API Gateway's own, the app makes an id for the request.
        del event["requestContext"]["requestId"]
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", TWO_COPIES, json.dumps([event, *changes])],
            cwd=ROOT,
            env={**bare_environment(), "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url, **env},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        lines = [json.loads(line) for line in (result.stdout + result.stderr).splitlines()]
        (self.sockets,) = [line["sockets"] for line in lines if "sockets" in line]
        self.answers = [api_gateway.Answer(line["answer"]) for line in lines if "answer" in line]
        self.waits = [line["wait"] for line in lines if "wait" in line]

    def _signed(self, fault: Fault) -> Fault:
        """Note who signed the request."""

        def note(engine: FaultyDynamoDB) -> WSGIApplication:
            def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
                self.keys += re.findall("Credential=([^/]+)/", environ["HTTP_AUTHORIZATION"])
                return fault(engine)(environ, start_response)

            return app

        return note


def bare_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "API_KEYS": api_gateway.API_KEYS}


class CredentialsEndpoint:
    """Serves credentials as a Lambda with SnapStart finds them, new ones each time, on loopback.

    `given` are the keys that it gave out.
    """

    def __init__(self) -> None:
        self.given: list[str] = []
        given = self.given

        class Handler(BaseHTTPRequestHandler):
            # A client may keep the connection, as with the server in a Lambda.
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                assert self.headers["Authorization"] == "token"
                given.append(f"KEY-{len(given)}")
                fields = {"AccessKeyId": given[-1], "SecretAccessKey": "secret", "Token": "token"}
                body = json.dumps({**fields, "Expiration": "2099-01-01T00:00:00Z"}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing of a request."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/2021-04-23/credentials"

    def __enter__(self) -> CredentialsEndpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_two_copies_differ_in_every_id_and_wait_and_use_the_credentials_of_the_day(
    faults: FaultyDynamoDB,
) -> None:
    changes = [{**KEYS, "AWS_ACCESS_KEY_ID": name} for name in ("FIRST", "SECOND")]
    copies = Copies(faults, changes, **KEYS)
    assert [answer.status for answer in copies.answers] == [201, 201]
    tickets = [answer.json["ticket_id"] for answer in copies.answers]
    requests = [answer.header("X-Request-Id") for answer in copies.answers]
    assert len({*tickets, *requests}) == 4
    assert len(copies.waits) == len({*copies.waits}) == 2
    assert copies.sockets == []
    assert copies.keys == ["FIRST", "FIRST", "SECOND", "SECOND"]


def test_a_snapshot_holds_no_credentials_of_snapstart_and_no_connection_to_where_they_are(
    faults: FaultyDynamoDB,
) -> None:
    with CredentialsEndpoint() as endpoint:
        copies = Copies(faults, [{}, {}], **{FULL_URI: endpoint.url, TOKEN: "token"})
    assert [answer.status for answer in copies.answers] == [201, 201]
    assert copies.sockets == []
    # Each copy asked once, and nobody before.
    assert endpoint.given == ["KEY-0", "KEY-1"]
    assert copies.keys == ["KEY-0", "KEY-0", "KEY-1", "KEY-1"]
