"""CPU and wall time of each operation and of plain boto3: `.venv/bin/python -m bench.operations`.

Both apps use one DynamoDB Local and run in turn: first as WSGI apps in this process, then as
servers on the loopback interface. A ratio is ours / boto3, so the speed of the machine matters
little.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import quantiles
from typing import Any, NamedTuple
from uuid import uuid4

import psutil

from itsm_app.storage import table
from tests.support.dynamodb_endpoint import use_dynamodb
from tests.support.dynamodb_local import dynamodb_local
from tests.support.keyless import keyless_app
from tests.support.ports import free_port

ROUNDS = 10
HEAD = f"{'':36}|   CPU ms per operation   |       p50 ms wall        |       p99 ms wall"
COLUMNS = f"{'':36}|" + f"{'ours':>8}{'boto3':>8}{'ratio':>8}  |" * 3

# The method, path and body.
Request = tuple[str, str, Any]


class App(NamedTuple):
    """A measured app: a function that sends a request, and one that returns its CPU in seconds."""

    call: Callable[[str, str, Any], Any]
    cpu: Callable[[], float]


def main() -> None:
    """Print both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=500, help="calls of each operation (default: 500)")
    calls = parser.parse_args().n
    with dynamodb_local() as url:
        use_dynamodb(url)
        table.create()
        print(HEAD, COLUMNS, sep="\n")
        compare("WSGI app", *wsgi_apps(), calls)
        with servers() as apps:
            compare("server", *apps, calls)


def compare(interface: str, ours: App, reference: App, calls: int) -> None:
    """Print a row for each operation, with the times of both apps and their ratios."""
    for operation in (create, get, get_with_20_comments, comment, list_ten_with_20_comments):
        requests = [(app, operation(app)) for app in (ours, reference)]
        pairs = zip(*measure(requests, calls), strict=True)
        cells = [f"{a * 1000:8.2f}{b * 1000:8.2f}{a / b:8.2f}  |" for a, b in pairs]
        print(f"{operation.__name__:28}{interface:8}|", *cells, sep="")


def measure(requests: list[tuple[App, Request]], calls: int) -> list[tuple[float, float, float]]:
    """Send each app's request `calls` times, in turn.

    Returns:
        For each app, the CPU, p50 and p99 of one call in seconds.
    """
    walls: list[list[float]] = [[] for _ in requests]
    cpus = [0.0 for _ in requests]
    for _ in range(ROUNDS):
        for number, (app, request) in enumerate(requests):
            cpu_before = app.cpu()
            for _ in range(calls // ROUNDS):
                start = time.perf_counter()
                app.call(*request)
                walls[number].append(time.perf_counter() - start)
            cpus[number] += app.cpu() - cpu_before
    percentiles = [quantiles(wall, n=100) for wall in walls]
    count = calls // ROUNDS * ROUNDS
    return [(cpu / count, each[49], each[98]) for cpu, each in zip(cpus, percentiles, strict=True)]


def create(app: App) -> Request:
    return "POST", "/tickets", {"caller_id": "+15550100", "issue_description": "It is on fire"}


def get(app: App) -> Request:
    return "GET", f"/tickets/{new_ticket(app)}", None


def get_with_20_comments(app: App) -> Request:
    return "GET", f"/tickets/{new_ticket(app, comments=20)}", None


def comment(app: App) -> Request:
    return "POST", f"/tickets/{new_ticket(app)}/comments", {"comment": "It is still burning"}


def list_ten_with_20_comments(app: App) -> Request:
    caller = f"caller-{uuid4()}"
    for _ in range(10):
        new_ticket(app, caller, comments=20)
    return "GET", f"/tickets?caller={caller}", None


def new_ticket(app: App, caller: str = "+15550100", comments: int = 0) -> str:
    sent = {"caller_id": caller, "issue_description": "My printer is on fire"}
    ticket = str(app.call("POST", "/tickets", sent)["ticket_id"])
    for number in range(comments):
        app.call("POST", f"/tickets/{ticket}/comments", {"comment": f"Comment {number}"})
    return ticket


def wsgi_apps() -> tuple[App, App]:
    """Return both apps in this process."""
    from bench import reference

    def wsgi(app: Any) -> App:
        return App(lambda *request: call_wsgi(app, *request), time.process_time)

    return wsgi(keyless_app()), wsgi(reference.app)


def call_wsgi(app: Any, method: str, path: str, body: Any) -> Any:
    path, _, query = path.partition("?")
    sent = b"" if body is None else json.dumps(body).encode()
    environ: dict[str, Any] = {
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(sent)),
        # From loopback to loopback, so that the request needs no API key.
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(sent),
        "wsgi.errors": io.StringIO(),
    }
    environ |= {"REQUEST_METHOD": method, "SERVER_NAME": "localhost", "SERVER_PORT": "80"}
    environ |= {"SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http"}
    statuses: list[str] = []
    response = b"".join(app(environ, lambda status, headers: statuses.append(status)))
    assert statuses[0].startswith("20"), statuses
    return json.loads(response)


@contextmanager
def servers() -> Iterator[tuple[App, App]]:
    """Run `flask run` and the server of the reference, each in its own process."""
    with ExitStack() as stack:
        commands = (["flask", "run", "--port"], ["bench.reference"])
        ours, reference = [start_server(stack, command) for command in commands]
        yield ours, reference


def start_server(stack: ExitStack, command: list[str]) -> App:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", *command, str(port)],
        env={**os.environ, "FLASK_APP": "itsm_app.wsgi"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    wait_until_listening(port)

    def cpu() -> float:
        times = psutil.Process(process.pid).cpu_times()
        return float(times.user + times.system)

    return App(partial(call_server, port), cpu)


def wait_until_listening(port: int) -> None:
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError("the server did not start")


def call_server(port: int, method: str, path: str, body: Any) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, None if body is None else json.dumps(body))
    response = connection.getresponse()
    assert response.status < 300, response.status
    found = json.loads(response.read())
    connection.close()
    return found


if __name__ == "__main__":
    main()
