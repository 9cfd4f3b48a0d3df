"""What each operation costs in a table that has grown: `.venv/bin/python -m bench.growth`.

Three tables, each in a DynamoDB Local of its own, have 100, 10,000 and 1,000,000 tickets, of which
one caller has 10,000, or all. For that caller, and the queue of all that are open: the DynamoDB
requests of each operation, their capacity units in table and indexes, and the CPU of this process,
which is the app and its client: the least of many batches, on each table in turn. What costs the
same in the full table has a ratio of about 1.

Filling takes some five minutes. `-n 100000` makes the full table smaller.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from bench.capacity import Answers, metered
from bench.operations import Request
from itsm_app import config, create_app
from itsm_app.storage import table
from itsm_app.storage.models import Ticket
from itsm_app.storage.retry import with_retries
from itsm_app.tickets import cursors, numbers
from itsm_app.tickets.create import create_ticket
from tests.support.dynamodb_endpoint import use_dynamodb
from tests.support.dynamodb_local import dynamodb_local

SIZES = (100, 10_000, 1_000_000)
CALLER = "15550100"
ITS_TICKETS = 10_000
TEXT = "My printer is on fire. " * 5
FIRST = datetime(2026, 1, 1)
# "BatchWriteItem" in the DynamoDB API Reference.
MOST_IN_BATCH = 25
THREADS = 2
CALLS = 5
BATCHES = 60


class Table:
    """A table of that many tickets, which the app in this process uses at its calls."""

    def __init__(self, url: str, tickets: int) -> None:
        use_dynamodb(url)
        Ticket._connection = None
        table.create()
        self.tickets = tickets
        self._connection = Ticket.connection()
        self._call = metered(create_app())
        self._client = self._connection.connection.client

    def call(self, request: Request) -> Answers:
        """Make a call; return what DynamoDB answered."""
        Ticket._connection = self._connection
        return self._call(*request)

    def fill(self) -> None:
        """Store the tickets, each as the app would."""
        ticket, _ = create_ticket("somebody", TEXT, str(uuid4()))
        key = {"ticket_id": {"S": ticket.ticket_id}}
        item = self._client.get_item(TableName=config.TABLE_NAME, Key=key)["Item"]
        firsts = range(0, self.tickets, MOST_IN_BATCH)
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(lambda first: self._put(item, first), firsts))

    def _put(self, item: dict[str, Any], first: int) -> None:
        numbers = range(first, min(first + MOST_IN_BATCH, self.tickets))
        owns = [{name: {"S": text} for name, text in own(number).items()} for number in numbers]
        items = {config.TABLE_NAME: [{"PutRequest": {"Item": item | each}} for each in owns]}
        answer = with_retries(lambda: self._client.batch_write_item(RequestItems=items))
        assert not answer["UnprocessedItems"]


Operation = Callable[[Table], Request]


def main() -> None:
    """Fill the tables, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=SIZES[-1], help="tickets in the full table")
    with ExitStack() as stack:
        tables = []
        for size in (*SIZES[:-1], parser.parse_args().n):
            tables.append(Table(stack.enter_context(dynamodb_local()), size))
            began = time.perf_counter()
            tables[-1].fill()
            print(f"{size:,} tickets: {time.perf_counter() - began:.0f} s", flush=True)
        print(f"{'':40}", *(f"{each.tickets:10,}" for each in tables), "last/first")
        # The last one makes the table grow.
        for operation in (get, list_ten, list_ten_from_the_middle, queue, comment, create):
            print_rows(operation.__name__, measure(tables, operation))


def own(number: int) -> dict[str, Any]:
    """Return what is a ticket's own, by its place in time."""
    return {
        "ticket_id": numbers.ticket_id(str(number)),
        "caller_id": CALLER if number < ITS_TICKETS else f"1555{number // 10:07}",
        "created_at": f"{(FIRST + timedelta(seconds=number)).isoformat()}.000000Z",
    }


def get(_: Table) -> Request:
    return "GET", f"/tickets/{own(0)['ticket_id']}", None


def list_ten(_: Table) -> Request:
    return "GET", f"/tickets?caller={CALLER}", None


def list_ten_from_the_middle(filled: Table) -> Request:
    middle = Ticket(**own(min(filled.tickets, ITS_TICKETS) // 2))
    cursor = cursors.after(middle, "caller_id", CALLER, None, "newest")
    return "GET", f"/tickets?caller={CALLER}&cursor={cursor}", None


def queue(_: Table) -> Request:
    return "GET", "/tickets?status=open&limit=25", None


def comment(_: Table) -> Request:
    # On a ticket that none of the others reads: it grows.
    body = {"comment": TEXT, "idempotency_key": str(uuid4())}
    return "POST", f"/tickets/{own(1)['ticket_id']}/comments", body


def create(_: Table) -> Request:
    body = {"caller_id": CALLER, "issue_description": TEXT, "idempotency_key": str(uuid4())}
    return "POST", "/tickets", body


def measure(tables: list[Table], operation: Operation) -> list[tuple[Answers, float]]:
    """Return what DynamoDB answered on each table, and the milliseconds of CPU."""
    answers = [each.call(operation(each)) for each in tables]
    rounds = [[batch(each, operation) for each in tables] for _ in range(BATCHES)]
    return list(zip(answers, map(min, zip(*rounds, strict=True)), strict=True))


def batch(filled: Table, operation: Operation) -> float:
    requests = [operation(filled) for _ in range(CALLS)]
    began = time.process_time()
    for each in requests:
        filled.call(each)
    return (time.process_time() - began) / CALLS * 1000


def print_rows(name: str, costs: list[tuple[Answers, float]]) -> None:
    for quantity, values, form in (
        ("requests", [len(answers) for answers, _ in costs], "{}"),
        ("capacity units", [units(answers) for answers, _ in costs], "{:g}"),
        ("CPU ms", [milliseconds for _, milliseconds in costs], "{:.2f}"),
    ):
        cells = [*map(form.format, values), f"{values[-1] / values[0]:.2f}"]
        print(f"{name:26}{quantity:14}", *(f"{cell:>10}" for cell in cells))


def units(answers: Answers) -> float:
    return sum(float(answer["ConsumedCapacity"]["CapacityUnits"]) for answer in answers)


if __name__ == "__main__":
    main()
