"""Throughput and latency under load, compared with plain boto3: `.venv/bin/python -m bench.load`.

This project and the boto3 reference each run in a Waitress process, on one DynamoDB Local. A third
process sends them requests in turn, with 1, 8 and 64 clients. Each client is a thread with one
connection. It repeats four calls: create a ticket, add a comment, get the ticket, and list the ten
newest tickets of its caller. A ratio is ours / boto3.

These are errors: a status of 400 or above, no response within 10 s, and calls that a client has not
made after a minute. An error of this project fails the run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from multiprocessing import get_context
from statistics import quantiles
from typing import NamedTuple

import psutil

from bench.load_clients import drive
from bench.operations import wait_until_listening
from itsm_app.storage import table
from tests.support.dynamodb_endpoint import use_dynamodb
from tests.support.dynamodb_local import dynamodb_local
from tests.support.ports import free_port

CLIENTS = (1, 8, 64)
ROUNDS = 5
THREADS = 64
HEADS = ("requests/s", "p50 ms", "p99 ms", "CPU ms per request")
HEAD = f"{'':20}|" + "".join(f"{head:^24}  |" for head in HEADS)
COLUMNS = f"{'clients':20}|" + f"{'ours':>8}{'boto3':>8}{'ratio':>8}  |" * len(HEADS) + "  errors"


class Server(NamedTuple):
    """A server process with an app."""

    port: int
    process: psutil.Process

    def cpu(self) -> float:
        """Return the CPU that the process has used, in seconds."""
        return float(sum(self.process.cpu_times()[:2]))


class Run(NamedTuple):
    """The result of a run.

    Attributes:
        latencies: The seconds until each response.
        wall: The duration of the run in seconds.
        cpu: The CPU of the server in seconds.
        errors: How often each error occurred.
    """

    latencies: list[float]
    wall: float
    cpu: float
    errors: Counter[str]


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "-n", type=int, default=960, help="repetitions of the four calls (default: 960)"
    )
    repetitions = parser.parse_args().n
    with dynamodb_local() as url, ProcessPoolExecutor(1, get_context("spawn")) as driver:
        use_dynamodb(url)
        table.create()
        with serve("itsm_app.wsgi:app") as ours, serve("bench.reference:app") as boto3:
            print(f"Waitress {version('waitress')}, {THREADS} threads", HEAD, COLUMNS, sep="\n")
            failed = compare(driver, (ours, boto3), "64, just started", 64, 128, rounds=1)
            for clients in CLIENTS:
                failed += compare(driver, (ours, boto3), str(clients), clients, repetitions)
    if failed:
        sys.exit(f"Errors of this project: {dict(failed)}")


@contextmanager
def serve(app: str) -> Iterator[Server]:
    """Serve a WSGI app on the loopback interface, in a Waitress process."""
    port = free_port()
    command = [sys.executable, "-m", "waitress", f"--listen=127.0.0.1:{port}"]
    command += [f"--threads={THREADS}", app]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_listening(port)
            yield Server(port, psutil.Process(process.pid))
        finally:
            process.kill()


def compare(
    driver: Executor,
    servers: tuple[Server, Server],
    name: str,
    clients: int,
    repetitions: int,
    rounds: int = ROUNDS,
) -> Counter[str]:
    """Run both servers in turn, print a row, and return the errors of this project."""
    turns = [
        [run(driver, server, clients, repetitions // rounds) for server in servers]
        for _ in range(rounds)
    ]
    ours, boto3 = zip(*turns, strict=True)
    pairs = zip(figures(ours), figures(boto3), strict=True)
    cells = [f"{a:8.1f}{b:8.1f}{a / b:8.2f}  |" for a, b in pairs]
    errors = [sum((run.errors for run in runs), Counter[str]()) for runs in (ours, boto3)]
    print(
        f"{name:20}|", *cells, "  ", " and ".join(str(dict(count) or 0) for count in errors), sep=""
    )
    return errors[0]


def figures(runs: tuple[Run, ...]) -> tuple[float, float, float, float]:
    """Return requests per second, p50 and p99 in milliseconds, and CPU milliseconds per request."""
    latencies = [seconds for run in runs for seconds in run.latencies]
    percentiles = quantiles(latencies, n=100)
    throughput = len(latencies) / sum(run.wall for run in runs)
    cpu = sum(run.cpu for run in runs) / len(latencies)
    return throughput, percentiles[49] * 1e3, percentiles[98] * 1e3, cpu * 1e3


def run(driver: Executor, server: Server, clients: int, repetitions: int) -> Run:
    cpu = server.cpu()
    result = driver.submit(drive, server.port, clients, repetitions // clients).result()
    latencies, wall, errors = result
    return Run(latencies, wall, server.cpu() - cpu, errors)


if __name__ == "__main__":
    main()
