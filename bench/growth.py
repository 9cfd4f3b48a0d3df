"""Cost of each operation in small and large tables: `.venv/bin/python -m bench.growth`.

Three tables have 100, 10,000 and 1,000,000 tickets, each in its own DynamoDB Local. One caller has
up to 10,000 of the tickets. All tickets are open. For this caller and for the queue of open
tickets, the benchmark measures the DynamoDB requests of each operation, their capacity units, and
the CPU of this process, which runs the app and its client. The CPU is the lowest of many batches,
on each table in turn. The last column divides the cost in the largest table by the cost in the
smallest table. If the size of the table does not matter, the ratio is about 1.

Filling the tables takes about five minutes. `-n 100000` makes the largest table smaller.
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

from bench.capacity import Responses, record_responses
from bench.operations import Request
from itsm_app import config
from itsm_app.storage import table
from itsm_app.storage.models import Ticket
from itsm_app.storage.retry import with_retries
from itsm_app.tickets import cursors, numbers
from itsm_app.tickets.create import create_ticket
from tests.support.dynamodb_endpoint import use_dynamodb
from tests.support.dynamodb_local import dynamodb_local
from tests.support.keyless import keyless_app

SIZES = (100, 10_000, 1_000_000)
CALLER = "15550100"
MAX_TICKETS_OF_CALLER = 10_000
TEXT = "My printer is on fire. " * 5
FIRST_DAY = datetime(2026, 1, 1)
# "BatchWriteItem" in the DynamoDB API Reference.
MAX_BATCH_ITEMS = 25
THREADS = 2
CALLS = 5
BATCHES = 60


class Table:
    """A table in the DynamoDB at `url`, and an app in this process that uses the table."""

    def __init__(self, url: str, tickets: int) -> None:
        use_dynamodb(url)
        Ticket._connection = None
        self.create_tables()
        self.tickets = tickets
        self._connection = Ticket.connection()
        self._call = record_responses(keyless_app())
        self._client = self._connection.connection.client

    def create_tables(self) -> None:
        """Create what the operations need."""
        table.create()

    def call(self, request: Request) -> Responses:
        """Send a request to the app and return the responses of DynamoDB."""
        Ticket._connection = self._connection
        return self._call(*request)

    def fill(self) -> None:
        """Store the tickets with the attributes that the app stores."""
        ticket, _ = create_ticket("somebody", TEXT, str(uuid4()))
        key = {"ticket_id": {"S": ticket.ticket_id}}
        item = self._client.get_item(TableName=config.TABLE_NAME, Key=key)["Item"]
        batch_starts = range(0, self.tickets, MAX_BATCH_ITEMS)
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(lambda start: self._put(item, start), batch_starts))

    def values(self, number: int) -> dict[str, Any]:
        """Return the values that differ between tickets. Tickets are numbered by creation time."""
        return ticket_values(number)

    def _put(self, item: dict[str, Any], start: int) -> None:
        puts = []
        for number in range(start, min(start + MAX_BATCH_ITEMS, self.tickets)):
            values = {name: {"S": text} for name, text in self.values(number).items()}
            puts.append({"PutRequest": {"Item": item | values}})
        self._write({config.TABLE_NAME: puts})

    def _write(self, request: dict[str, Any]) -> None:
        response = with_retries(lambda: self._client.batch_write_item(RequestItems=request))
        assert not response["UnprocessedItems"]


Operation = Callable[[Table], Request]


def main() -> None:
    """Fill the tables, measure the operations and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=SIZES[-1], help="tickets in the largest table")
    with ExitStack() as stack:
        tables = []
        for size in (*SIZES[:-1], parser.parse_args().n):
            tables.append(Table(stack.enter_context(dynamodb_local()), size))
            start = time.perf_counter()
            tables[-1].fill()
            print(f"{size:,} tickets: {time.perf_counter() - start:.0f} s", flush=True)
        print(f"{'':40}", *(f"{filled.tickets:10,}" for filled in tables), "last/first")
        # `create` comes last, because it adds tickets to the table.
        for operation in (get, list_ten, list_ten_from_the_middle, queue, comment, create):
            print_rows(operation.__name__, measure(tables, operation))


def ticket_values(number: int) -> dict[str, Any]:
    return {
        "ticket_id": numbers.ticket_id(str(number)),
        "caller_id": CALLER if number < MAX_TICKETS_OF_CALLER else f"1555{number // 10:07}",
        "created_at": f"{(FIRST_DAY + timedelta(seconds=number)).isoformat()}.000000Z",
    }


def get(_: Table) -> Request:
    return "GET", f"/tickets/{ticket_values(0)['ticket_id']}", None


def list_ten(_: Table) -> Request:
    return "GET", f"/tickets?caller={CALLER}", None


def list_ten_from_the_middle(filled: Table) -> Request:
    middle = Ticket(**ticket_values(min(filled.tickets, MAX_TICKETS_OF_CALLER) // 2))
    cursor = cursors.after(middle, "created_at", "caller_id", CALLER, None, "newest")
    return "GET", f"/tickets?caller={CALLER}&cursor={cursor}", None


def queue(_: Table) -> Request:
    return "GET", "/tickets?status=open&limit=25", None


def comment(_: Table) -> Request:
    # No other operation uses this ticket, because it grows.
    body = {"comment": TEXT, "idempotency_key": str(uuid4())}
    return "POST", f"/tickets/{ticket_values(1)['ticket_id']}/comments", body


def create(_: Table) -> Request:
    body = {"caller_id": CALLER, "issue_description": TEXT, "idempotency_key": str(uuid4())}
    return "POST", "/tickets", body


def measure(tables: list[Table], operation: Operation) -> list[tuple[Responses, float]]:
    """Return, for each table, the responses of DynamoDB and the CPU in milliseconds."""
    responses = [filled.call(operation(filled)) for filled in tables]
    rounds = [[batch(filled, operation) for filled in tables] for _ in range(BATCHES)]
    return list(zip(responses, map(min, zip(*rounds, strict=True)), strict=True))


def batch(filled: Table, operation: Operation) -> float:
    requests = [operation(filled) for _ in range(CALLS)]
    start = time.process_time()
    for request in requests:
        filled.call(request)
    return (time.process_time() - start) / CALLS * 1000


def print_rows(name: str, costs: list[tuple[Responses, float]]) -> None:
    for quantity, values, form in (
        ("requests", [len(responses) for responses, _ in costs], "{}"),
        ("capacity units", [capacity_units(responses) for responses, _ in costs], "{:g}"),
        ("CPU ms", [milliseconds for _, milliseconds in costs], "{:.2f}"),
    ):
        cells = [*map(form.format, values), f"{values[-1] / values[0]:.2f}"]
        print(f"{name:26}{quantity:14}", *(f"{cell:>10}" for cell in cells))


def capacity_units(responses: Responses) -> float:
    units = 0.0
    for response in responses:
        consumed = response["ConsumedCapacity"]
        # A batch has a list, with one entry for each table.
        for each in consumed if isinstance(consumed, list) else [consumed]:
            units += float(each["CapacityUnits"])
    return units


if __name__ == "__main__":
    main()
