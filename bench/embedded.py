"""The embedded DynamoDB of `flask run`: `.venv/bin/python -m bench.embedded`.

The first part compares the writes with release 0.1, whose embedded DynamoDB stored nothing until it
stopped. Three servers, each with its own folder, get the same requests in turn from 1, 8 and 64
clients: ours, ours whose table has a stream that nobody reads, and release 0.1. A ratio is ours /
release 0.1.

The second part fills the embedded DynamoDB with 1,000, 100,000 and 200,000 tickets. For each size,
it starts `flask run`, reads the queue and the statistics, creates tickets with eight clients, and
prints times and resident memory.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from itsm_app import config
from itsm_app.local.engine import Engine
from itsm_app.storage.table import DEFINITION
from itsm_app.tickets import numbers
from tests.support.flask_run import ROOT, environ
from tests.support.ports import free_port

# The last commit of release 0.1.
PREVIOUS = "7ea276d0e3b298b2eb02da4af5ccaa2ae8840ac7"
CLIENTS = (1, 8, 64)
ROUNDS = 10
CALLS = 64
SIZES = (1_000, 100_000, 200_000)
TEXT = "My printer is on fire. " * 5
QUEUE = "/tickets?status=open&limit=25"
START_SECONDS = 60
# The lowest of these counts, because the machine may be busy.
STARTS = 5


class Server:
    """A running `flask run`."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flask", "run", "--port", str(self.port)],
            cwd=source,
            env=environ(LOCAL_DYNAMODB=str(folder)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                self.call("GET", "/health")
                return
            except OSError:
                time.sleep(0.01)
        raise TimeoutError("flask run did not start")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request, and return the response: a dict of JSON, or the text of a page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, json.dumps(body) if body else None)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        assert response.status < 300, (response.status, text)
        return json.loads(text) if text.startswith("{") else text

    def megabytes(self) -> int:
        """Return the resident memory of all processes of the server."""
        top = psutil.Process(self.process.pid)
        processes = [top, *top.children(recursive=True)]
        return int(sum(each.memory_info().rss for each in processes) // 10**6)


@contextmanager
def server(source: Path, folder: Path) -> Iterator[Server]:
    server = Server(source, folder)
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait()


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=SIZES[-1], help="tickets of the largest size")
    largest = parser.parse_args().n
    with TemporaryDirectory() as name:
        folder = Path(name)
        previous = folder / "previous"
        archive = subprocess.run(
            ["git", "archive", PREVIOUS], cwd=ROOT, capture_output=True, check=True
        )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(previous, filter="data")
        compare(previous, folder)
        print(
            f"\n{'tickets':>8}{'file MB':>9}{'start s':>9}{'page ms':>9}{'stats s':>9}"
            f"{'create ms':>11} | MB: {'start':>6}{'pages':>7}{'stats':>7}{'creates':>9}"
        )
        for size in (*SIZES[:-1], largest):
            print_growth(folder / str(size), size)


def compare(previous: Path, folder: Path) -> None:
    """Print a row for each write and number of clients."""
    heads = ("p50 ms", "p99 ms", "writes/s")
    print(f"{'':20}|" + "".join(f"{head:^24}  |" for head in heads))
    print(f"{'clients':20}|" + f"{'ours':>8}{'0.1':>8}{'ratio':>8}  |" * len(heads))
    with (
        server(ROOT, folder / "a") as ours,
        server(ROOT, folder / "b") as with_stream,
        server(previous, folder / "c") as theirs,
    ):
        servers = (ours, with_stream, theirs)
        for each in servers:
            each.wait_until_up()
        enable_stream(folder / "b")
        for name, write in (("create", create), ("comment", comment)):
            for clients in CLIENTS:
                *results, baseline = measure(servers, write, clients)
                for result, suffix in zip(results, ("", ", stream"), strict=True):
                    pairs = zip(result, baseline, strict=True)
                    cells = [f"{a:8.1f}{b:8.1f}{a / b:8.2f}  |" for a, b in pairs]
                    print(f"{name + suffix:16}{clients:4}|", *cells, sep="", flush=True)


def enable_stream(folder: Path) -> None:
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    request = {"TableName": config.TABLE_NAME, "StreamSpecification": stream}
    Engine(folder).answer("UpdateTable", json.dumps(request).encode())


def create(server: Server) -> Callable[[], Any]:
    body = {"caller_id": "+15550100", "issue_description": TEXT}
    return lambda: server.call("POST", "/tickets", body)


def comment(server: Server) -> Callable[[], Any]:
    path = f"/tickets/{create(server)()['ticket_id']}/comments"
    return lambda: server.call("POST", path, {"comment": "Hello?"})


def measure(
    servers: tuple[Server, ...], write: Callable[[Server], Callable[[], Any]], clients: int
) -> list[tuple[float, float, float]]:
    """Return, for each server, p50 and p99 in milliseconds and the writes in a second."""
    latencies: list[list[float]] = [[] for _ in servers]
    walls = [0.0 for _ in servers]

    def timed(call: Callable[[], Any]) -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    with ThreadPoolExecutor(clients) as pool:
        for _ in range(ROUNDS):
            for number, server in enumerate(servers):
                call = write(server)
                start = time.perf_counter()
                latencies[number] += pool.map(timed, [call] * CALLS)
                walls[number] += time.perf_counter() - start
    percentiles = [quantiles(each, n=100) for each in latencies]
    return [
        (each[49] * 1000, each[98] * 1000, ROUNDS * CALLS / wall)
        for each, wall in zip(percentiles, walls, strict=True)
    ]


def print_growth(folder: Path, size: int) -> None:
    """Fill a folder, start `flask run` there, and print a row."""
    fill(folder, size)
    file_megabytes = sum(file.stat().st_size for file in folder.iterdir()) // 10**6
    start_seconds = min(measure_start(folder) for _ in range(STARTS))
    with server(ROOT, folder) as ours:
        ours.wait_until_up()
        memory = [ours.megabytes()]
        page = median(measure_page(ours) for _ in range(20))
        read_queue(ours)
        memory.append(ours.megabytes())
        start = time.perf_counter()
        assert "<svg" in ours.call("GET", "/desk/stats")
        stats_seconds = time.perf_counter() - start
        memory.append(ours.megabytes())
        ((p50, _, _),) = measure((ours,), create, 8)
        memory.append(ours.megabytes())
    print(
        f"{size:8,}{file_megabytes:9}{start_seconds:9.2f}{page:9.1f}{stats_seconds:9.2f}{p50:11.1f}"
        f" |     {memory[0]:6}{memory[1]:7}{memory[2]:7}{memory[3]:9}",
        flush=True,
    )


def fill(folder: Path, size: int) -> None:
    """Store open tickets of the last two weeks, as the app stores them, with one comment each."""
    engine = Engine(folder)
    request = {"TableName": config.TABLE_NAME, **DEFINITION}
    engine.answer("CreateTable", json.dumps(request).encode())
    first = datetime.now(UTC) - timedelta(14)
    step = timedelta(14) / size
    engine.put_missing(config.TABLE_NAME, (item(n, first + n * step) for n in range(size)))


def item(number: int, created: datetime) -> dict[str, Any]:
    at = {"S": created.isoformat(timespec="microseconds").replace("+00:00", "Z")}
    id_ = numbers.ticket_id(str(number))
    said = {"comment_text": {"S": TEXT}, "added_at": at, "comment_id": {"S": id_}}
    texts = {"ticket_id": id_, "caller_id": f"+1555{number // 10:07}", "status": "open"}
    texts |= {"issue_description": TEXT, "idempotency_key": id_}
    fields = {name: {"S": text} for name, text in texts.items()}
    return {**fields, "created_at": at, "updated_at": at, "comments": {"L": [{"M": said}]}}


def measure_start(folder: Path) -> float:
    start = time.perf_counter()
    with server(ROOT, folder) as ours:
        ours.wait_until_up()
        return time.perf_counter() - start


def measure_page(server: Server) -> float:
    start = time.perf_counter()
    assert len(server.call("GET", QUEUE)["tickets"]) == 25
    return (time.perf_counter() - start) * 1000


def read_queue(server: Server) -> None:
    """Read all pages of the queue, as large as they can be."""
    cursor = ""
    while True:
        page = server.call("GET", f"/tickets?status=open&limit=100{cursor}")
        if "next_cursor" not in page:
            return
        cursor = f"&cursor={page['next_cursor']}"


if __name__ == "__main__":
    main()
