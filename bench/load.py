"""Both apps behind a production server, asked by many at once: `.venv/bin/python -m bench.load`.

Ours and plain boto3, each in a Waitress process of its own over one DynamoDB Local, are asked in
turn by a third process with 1, 8 and 64 clients: threads, each on one connection, that file a
ticket, comment on it, read it and list its caller's ten newest, again and again. A ratio is
ours / boto3. A status of 400 or above, no answer within 10 s, and calls not made after a minute are
errors; one of ours fails the run.
"""

from __future__ import annotations

import argparse
import os
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

from bench.load_clients import KEY_ENTRY, drive
from bench.operations import await_listener
from itsm_app.storage import table
from tests.support.dynamodb_endpoint import use_dynamodb
from tests.support.dynamodb_local import dynamodb_local
from tests.support.ports import free_port

CLIENTS = (1, 8, 64)
ROUNDS = 5
THREADS = 64
HEADS = ("requests/s", "p50 ms", "p99 ms", "CPU ms a request")
HEAD = f"{'':20}|" + "".join(f"{head:^24}  |" for head in HEADS)
COLUMNS = f"{'clients':20}|" + f"{'ours':>8}{'boto3':>8}{'ratio':>8}  |" * len(HEADS) + "  errors"


class Server(NamedTuple):
    """An app in its server."""

    port: int
    process: psutil.Process

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used."""
        return float(sum(self.process.cpu_times()[:2]))


class Run(NamedTuple):
    """The seconds of each answer, of all, and of the server's CPU; and each error's number."""

    answers: list[float]
    wall: float
    cpu: float
    errors: Counter[str]


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=960, help="how often the four calls (960)")
    fours = parser.parse_args().n
    with dynamodb_local() as url, ProcessPoolExecutor(1, get_context("spawn")) as driver:
        use_dynamodb(url)
        os.environ["API_KEYS"] = KEY_ENTRY
        table.create()
        with serve("itsm_app.wsgi:app") as ours, serve("bench.reference:app") as boto3:
            print(f"Waitress {version('waitress')}, {THREADS} threads", HEAD, COLUMNS, sep="\n")
            failed = compare(driver, (ours, boto3), "64, just started", 64, 128, rounds=1)
            for clients in CLIENTS:
                failed += compare(driver, (ours, boto3), str(clients), clients, fours)
    if failed:
        sys.exit(f"Errors of ours: {dict(failed)}")


@contextmanager
def serve(app: str) -> Iterator[Server]:
    """Serve a WSGI app on loopback."""
    port = free_port()
    command = [sys.executable, "-m", "waitress", f"--listen=127.0.0.1:{port}"]
    command += [f"--threads={THREADS}", app]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            await_listener(port)
            yield Server(port, psutil.Process(process.pid))
        finally:
            process.kill()


def compare(
    driver: Executor,
    servers: tuple[Server, Server],
    name: str,
    clients: int,
    fours: int,
    rounds: int = ROUNDS,
) -> Counter[str]:
    """Print a row: what the servers did, in turn, and their ratios. Return the errors of ours."""
    turns = [
        [run(driver, each, clients, fours // rounds) for each in servers] for _ in range(rounds)
    ]
    ours, boto3 = zip(*turns, strict=True)
    pairs = zip(figures(ours), figures(boto3), strict=True)
    cells = [f"{a:8.1f}{b:8.1f}{a / b:8.2f}  |" for a, b in pairs]
    errors = [sum((run.errors for run in runs), Counter[str]()) for runs in (ours, boto3)]
    print(
        f"{name:20}|", *cells, "  ", " and ".join(str(dict(each) or 0) for each in errors), sep=""
    )
    return errors[0]


def figures(runs: tuple[Run, ...]) -> tuple[float, float, float, float]:
    answers = [seconds for run in runs for seconds in run.answers]
    cuts = quantiles(answers, n=100)
    cpu = sum(run.cpu for run in runs) / len(answers)
    return len(answers) / sum(run.wall for run in runs), cuts[49] * 1e3, cuts[98] * 1e3, cpu * 1e3


def run(driver: Executor, server: Server, clients: int, fours: int) -> Run:
    cpu = server.cpu()
    answers, wall, errors = driver.submit(drive, server.port, clients, fours // clients).result()
    return Run(answers, wall, server.cpu() - cpu, errors)


if __name__ == "__main__":
    main()
