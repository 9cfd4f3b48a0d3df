"""A fuzz of raw requests: nothing that a client sends causes a 5xx.

`FUZZ_SECONDS` is the time in all, 300 s by default. A failure names the seed of the run: with this
seed in `FUZZ_SEED`, the run sends the same requests again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_from_bytes

import pytest

from ..conftest import ON_MOTO
from ..support.api_gateway import API_KEYS, ApiResponse, event
from ..support.desk import ANNA, ANNA_ENTRY, SECRET
from ..support.flask_run import ROOT, environ, flask_run
from ..support.hostile_requests import Generator, Request
from ..support.single_server import server

pytestmark = pytest.mark.fuzz

SECONDS = float(os.environ.get("FUZZ_SECONDS", "300"))
SEED = os.environ.get("FUZZ_SEED") or secrets.token_hex(4)
# The content of a valid session of Anna's: see `itsm_app/desk/sessions.py`.
SESSION = ["anna.b", hashlib.sha256(ANNA_ENTRY.rpartition(":")[2].encode()).hexdigest()]
# A server waits for the rest of an incomplete request. Complete requests take milliseconds.
TIMEOUT_SECONDS = 1
# "100 Continue" can precede the response; `flask run` sends it twice.
STATUS_LINE = re.compile(rb"(?s:HTTP/1\.[01] 100 .*?\r\n\r\n)*HTTP/1\.[01] (\d{3}) ")
# What a server itself answers to other transfer codings and other versions of HTTP: RFC 9112,
# sections 6.1 and 2.3.
OF_THE_SERVER = {501, 505}
BRACKET_IN_HOST = re.compile(rb"[^/?#]*://[^/?#]*[\[\]]")
SET_BY_NGINX = {b"X-Forwarded-For", b"X-Forwarded-Proto"}
# Handles each line of stdin as an event, like Lambda's runtime.
LAMBDA = """
import json, sys
from deploy.lambda_handler import lambda_handler
class Context: aws_request_id = "a"
for line in sys.stdin:
    response = lambda_handler(json.loads(line), Context)
    text = json.dumps({"response": response}, ensure_ascii=False)
    sys.stdout.buffer.write(text.encode() + b"\\n")
    sys.stdout.flush()
"""


def fuzz(ticket_id: str, share: float, send: Callable[[Request], int | None]) -> None:
    """Send requests for a share of the time. `send` returns the status, None for no response."""
    generator = Generator(SEED, ANNA, SECRET, SESSION, ticket_id)
    end = time.monotonic() + SECONDS * share
    number = 0
    statuses = Counter[int | None]()
    while time.monotonic() < end:
        request = generator.request(number)
        status = send(request)
        message = f"FUZZ_SEED={SEED}, request {number} got {status}: {request}"
        assert status is None or status < 500, message
        statuses[status] += 1
        number += 1
    print(f"FUZZ_SEED={SEED}: {number} requests, {statuses}")  # noqa: T201
    # The requests reach the operations and not only the checks before them.
    assert statuses[None] < number / 10 < statuses[200] + statuses[201] + statuses[303]


def send_raw(port: int, request: Request) -> int | None:
    """Send the bytes of a request. Return the status, None if the server waits for more bytes."""
    headers = list(request.headers)
    if request.body or request.method == b"POST":
        names = {name.lower() for name, _ in headers}
        if b"transfer-encoding" not in names:
            headers.append((b"Content-Length", b"%d" % len(request.body)))
    target = request.path + (b"?" + request.query if request.query else b"")
    lines = [
        request.method + b" " + target + b" HTTP/1.1",
        *(name + b": " + value for name, value in headers),
        b"Connection: close",
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection:
        try:
            connection.sendall(b"\r\n".join([*lines, b"", request.body]))
            response = b"".join(iter(lambda: connection.recv(65536), b""))
        except (ConnectionError, TimeoutError):
            return None
    found = STATUS_LINE.match(response)
    if found is None:
        return None
    status = int(found[1])
    return None if status in OF_THE_SERVER else status


def test_no_raw_request_gets_a_5xx(tmp_path: Path) -> None:
    def send(request: Request) -> int | None:
        # nginx rejects such a host in the target, and Waitress drops the connection.
        if BRACKET_IN_HOST.match(request.path):
            return None
        # nginx sets these headers, and Waitress answers malformed ones of its proxy with a 500.
        headers = [header for header in request.headers if header[0] not in SET_BY_NGINX]
        return send_raw(running.port, request._replace(headers=headers))

    with server(tmp_path / "tickets", API_KEYS=ANNA_ENTRY, SECRET_KEY=SECRET) as running:
        ticket_id = create_ticket(running.url)
        fuzz(ticket_id, 0.4, send)
        running.stop()
        # The client does not see all responses, but the log has all errors.
        lines = [json.loads(line) for line in running.log().splitlines()]
        assert [line for line in lines if line["level"] == "ERROR"] == []


def test_no_raw_request_without_keys_gets_a_5xx(tmp_path: Path) -> None:
    def send(request: Request) -> int | None:
        status = send_raw(running.port, request)
        # The API has no keys, and the request looks like a request of another machine.
        return 403 if status == 503 else status

    with flask_run(LOCAL_DYNAMODB=str(tmp_path), API_KEYS="") as running:
        fuzz(running.create(), 0.2, send)


class Lambda:
    """A process with the loaded function."""

    def __init__(self, endpoint: str) -> None:
        settings = {
            "API_KEYS": f"{API_KEYS},{ANNA_ENTRY}",
            "SECRET_KEY": SECRET,
            "LOCAL_DYNAMODB": "",
        }
        settings |= {"AWS_LAMBDA_FUNCTION_NAME": "poc-itsm-api-handler"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAMBDA],
            cwd=ROOT,
            env=environ(**settings, AWS_ENDPOINT_URL_DYNAMODB=endpoint),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def send(self, sent: dict[str, Any]) -> ApiResponse:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(sent).encode() + b"\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            found = json.loads(line)
            if "response" in found:
                return ApiResponse(found["response"])
        raise AssertionError(f"FUZZ_SEED={SEED}: the function exited after {sent}")

    def stop(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(timeout=10) == 0


def event_of(request: Request) -> dict[str, Any]:
    """Return the event of a request. AWS does not document how it decodes bytes."""

    # Bytes that are not UTF-8 become lone surrogates, which are worse than any character.
    def text(value: bytes) -> str:
        return value.decode(errors="surrogateescape")

    headers = [(text(name), text(value)) for name, value in request.headers]
    hosts = [value for name, value in headers if name == "Host"]
    sent = event(
        text(request.method),
        quote_from_bytes(request.path, safe="/%"),
        query=parse_qsl(text(request.query), keep_blank_values=True, errors="surrogateescape"),
        headers=[pair for pair in headers if pair[0] != "Host"],
        body=request.body if len(request.body) % 2 else text(request.body),
        host=hosts[0],
    )
    # Without the key of every other event of the tests.
    keys = [value for name, value in headers if name == "x-api-key"]
    sent["multiValueHeaders"]["x-api-key"] = keys
    return sent


@ON_MOTO
def test_no_event_gets_a_5xx(engine: str) -> None:
    function = Lambda(engine)
    try:
        body = '{"caller_id": "a", "issue_description": "b"}'
        created = function.send(event("POST", "/tickets", body=body))
        assert created.status == 201
        fuzz(
            created.json["ticket_id"], 0.4, lambda request: function.send(event_of(request)).status
        )
    finally:
        function.stop()


def create_ticket(url: str) -> str:
    body = json.dumps({"caller_id": "a", "issue_description": "b"})
    command = ["curl", "-sS", "-H", f"x-api-key: {ANNA}", "-d", body, f"{url}/tickets"]
    return str(json.loads(subprocess.check_output(command))["ticket_id"])
