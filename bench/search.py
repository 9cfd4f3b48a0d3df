"""Cost of searches in small and large tables: `.venv/bin/python -m bench.search`.

Two tables have 10,000 and 1,000,000 tickets, each in its own DynamoDB Local. The search index has
the postings of the tokens that the queries use. A search never reads the postings of other tokens,
so they are left out. The same number of tickets always has the same words.

The benchmark sends `GET /tickets?q=` to the app in this process, to each table in turn, and
measures the DynamoDB requests, their capacity units, and the p50 and p95 of the time in
milliseconds. The last column divides the cost in the large table by the cost in the small table.
The second list has the time of reading one page of postings in the large table.

Filling the tables takes about 15 minutes. `-n 20000` makes the large table smaller.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from statistics import quantiles
from urllib.parse import urlencode

from bench.capacity import Responses
from bench.growth import capacity_units
from bench.search_tables import SearchTable
from itsm_app import config
from itsm_app.search.candidates import NEWEST
from itsm_app.storage import search_index
from tests.support.dynamodb_local import dynamodb_local

SIZES = (10_000, 1_000_000)
LIMIT_MS = 300
FREQUENT = "please"
# What a query looks for, by the name of the row. `{number}` is the number of a ticket.
QUERIES = {
    "word of all tickets": FREQUENT,
    "word of 1/100": "projector",
    "word of 1/10,000": "gateway",
    "word of the oldest tickets": "typewriter",
    "word of the newest tickets": "hologram",
    "word of no ticket": "zeppelin",
    "all and 1/10,000": "please gateway",
    "all and the oldest": "please typewriter",
    "the newest and the oldest": "hologram typewriter",
    "1/3 and 1/3, independent": "printer outlook",
    "1/3 and 1/10,000": "monitor gateway",
    "1/3 and 1/3, never together": "printer monitor",
    "four, two never together": "printer monitor please outlook",
    "last four digits": "4711",
    "ticket number": "{number}",
    "candidates that do not match": "flickering projector replacement screen usb",
}
# The only query with pages of the largest size, which read as many tickets as possible.
LARGEST_PAGES = "candidates that do not match"
WARM_UP_ROUNDS = 10
PAGE_SIZES = (32, 128, 512, 1000)


def main() -> None:
    """Fill the tables, measure the searches and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=SIZES[-1], help="tickets in the large table")
    parser.add_argument("--rounds", type=int, default=50, help="calls of each query (default: 50)")
    arguments = parser.parse_args()
    config.SEARCH_TABLE = config.search_table()
    with ExitStack() as stack:
        tables = []
        for size in (*SIZES[:-1], arguments.n):
            url = stack.enter_context(dynamodb_local())
            tables.append(SearchTable(url, size, [*QUERIES.values()]))
            start = time.perf_counter()
            tables[-1].fill()
            print(f"{size:,} tickets: {time.perf_counter() - start:.0f} s", flush=True)
        print(f"{'':44}", *(f"{filled.tickets:10,}" for filled in tables), "large/small")
        for name, query in QUERIES.items():
            limit = 100 if name == LARGEST_PAGES else 10
            print_rows(name, measure(tables, query, arguments.rounds, limit))
        name, query = "second page of all tickets", FREQUENT
        print_rows(name, measure(tables, query, arguments.rounds, 10, from_result=10))
        tables[-1].select()
        for size in PAGE_SIZES:
            print_page(size, arguments.rounds)


def measure(
    tables: list[SearchTable], query: str, rounds: int, limit: int, from_result: int = 0
) -> list[tuple[Responses, list[float]]]:
    """Return, for each table, the responses of DynamoDB and the seconds of each search."""
    requests = []
    for filled in tables:
        parameters = {"q": filled.text(query), "limit": str(limit)}
        if from_result:
            parameters["cursor"] = filled.cursor(query, from_result)
        requests.append(("GET", f"/tickets?{urlencode(parameters)}", None))
    calls = [
        partial(filled.call, request) for filled, request in zip(tables, requests, strict=True)
    ]
    for _ in range(WARM_UP_ROUNDS):
        responses = [call() for call in calls]
    seconds = [[seconds_of(call) for call in calls] for _ in range(rounds)]
    return list(zip(responses, map(list, zip(*seconds, strict=True)), strict=True))


def seconds_of(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def p50_and_p95(seconds: list[float]) -> tuple[float, float]:
    """Return the percentiles in milliseconds."""
    percentiles = quantiles(seconds, n=20)
    return percentiles[9] * 1000, percentiles[18] * 1000


def print_rows(name: str, costs: list[tuple[Responses, list[float]]]) -> None:
    p50, p95 = zip(*(p50_and_p95(seconds) for _, seconds in costs), strict=True)
    for quantity, values, form in (
        ("requests", [len(responses) for responses, _ in costs], "{}"),
        ("capacity units", [capacity_units(responses) for responses, _ in costs], "{:g}"),
        ("p50 ms", p50, "{:.1f}"),
        ("p95 ms", p95, "{:.1f}"),
    ):
        ratio = f"{values[-1] / values[0]:.2f}" if values[0] else ""
        cells = [*map(form.format, values), ratio]
        verdict = "over" if quantity == "p95 ms" and values[-1] > LIMIT_MS else ""
        print(f"{name:30}{quantity:14}", *(f"{cell:>10}" for cell in cells), verdict, flush=True)


def print_page(size: int, rounds: int) -> None:
    def read() -> None:
        search_index.positions(FREQUENT, 0, NEWEST, size)

    read()
    p50, p95 = p50_and_p95([seconds_of(read) for _ in range(rounds)])
    print(f"page of {size:4} postings: p50 {p50:.1f} ms, p95 {p95:.1f} ms", flush=True)


if __name__ == "__main__":
    main()
