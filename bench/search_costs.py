"""What the search index costs for each write of a ticket: `.venv/bin/python -m bench.search_costs`.

The benchmark writes a ticket in Amazon's DynamoDB Local. For each write, it passes the record that
the stream has to the function that the stream handler calls, and prints the requests, their write
and read units, and the CPU in milliseconds, as the lowest of many repetitions. A rebuild also
writes the ticket itself and waits for the handler. Reading the stream is free for a Lambda function
("Pricing for on-demand capacity" of DynamoDB).

The ticket has a description and a comment of the lengths that are printed, and the phone number of
a caller.
"""

from __future__ import annotations

import time
from collections import defaultdict
from math import inf
from typing import Any
from uuid import uuid4

from bench.capacity import item_size, request_units_of_indexes
from bench.growth import capacity_units
from bench.operations import call_wsgi
from itsm_app import config
from itsm_app.changes import processing
from itsm_app.storage import items, search_index, search_table, table
from itsm_app.storage.items import Item
from itsm_app.storage.models import Ticket
from itsm_app.tickets import erasure
from tests.support.dynamodb_endpoint import use_dynamodb
from tests.support.dynamodb_local import dynamodb_local
from tests.support.keyless import keyless_app

CALLER = "+442079460018"
DESCRIPTION = (
    "My laptop loses the VPN connection every morning at nine, and Outlook then asks for the "
    "password again and again until noon"
)
COMMENT = "I restarted the router twice as you said, but the connection still drops at nine"
REPETITIONS = 50
# "Data storage" in the pricing of on-demand capacity: what DynamoDB adds to each item, in bytes.
OVERHEAD_BYTES = 100
READS = {"GetItem", "BatchGetItem", "Query", "Scan"}
ROW = "{:24}{:>10}{:>13}{:>12}{:>10}"


class Meter:
    """Counts the requests to DynamoDB and their units."""

    def __init__(self) -> None:
        self.totals: dict[str, float] = defaultdict(float)
        events = Ticket.connection().connection.client.meta.events
        events.register("provide-client-params.dynamodb.*", request_units_of_indexes)
        events.register("after-call.dynamodb.*", self._count)

    def _count(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        self.totals["requests"] += 1
        units = capacity_units([parsed])
        self.totals["read units" if model.name in READS else "write units"] += units


def main() -> None:
    """Write a ticket in each way, and print what the index costs."""
    config.SEARCH_TABLE = config.search_table()
    with dynamodb_local() as url:
        use_dynamodb(url)
        table.create()
        search_table.create()
        app = keyless_app()
        meter = Meter()
        body = {"caller_id": CALLER, "issue_description": DESCRIPTION}
        ticket_id = ""

        def create() -> None:
            nonlocal ticket_id
            ticket_id = call_wsgi(app, "POST", "/tickets", body)["ticket_id"]

        def comment() -> None:
            call_wsgi(app, "POST", f"/tickets/{ticket_id}/comments", {"comment": COMMENT})

        def change_status() -> None:
            call_wsgi(app, "PATCH", f"/tickets/{ticket_id}", {"status": "in_progress"})

        def rebuild() -> None:
            meter.totals.clear()
            items.touch(ticket_id, str(uuid4()))
            print(f"  the ticket itself: {meter.totals['write units']:g} write units")

        def expire() -> None:
            Ticket.connection().delete_item(ticket_id)

        def erase() -> None:
            erasure.erase(ticket_id, {CALLER})

        print(f"description of {len(DESCRIPTION)} characters, comment of {len(COMMENT)} characters")
        print(ROW.format("", "requests", "write units", "read units", "CPU ms"))
        for write in (create, comment, change_status, rebuild, expire):
            old = stored(ticket_id)
            write()
            print_cost(meter, write.__name__, record_of(old, stored(ticket_id)))
            if write is comment:
                print_storage()
        create()
        comment()
        old = stored(ticket_id)
        process(record_of(None, old))
        erase()
        print_cost(meter, "erase", record_of(old, stored(ticket_id)))


def print_cost(meter: Meter, name: str, record: dict[str, Any]) -> None:
    meter.totals.clear()
    milliseconds = [process(record)]
    totals = dict(meter.totals)
    milliseconds += [process(record) for _ in range(REPETITIONS)]
    cells = [totals.get(each, 0) for each in ("requests", "write units", "read units")]
    print(ROW.format(name, *(f"{each:g}" for each in cells), f"{min(milliseconds):.2f}"))


def stored(ticket_id: str) -> Item | None:
    return items.read_item(ticket_id) if ticket_id else None


def record_of(old: Item | None, new: Item | None) -> dict[str, Any]:
    """Return the record of the stream for a change."""
    images = {name: item for name, item in (("OldImage", old), ("NewImage", new)) if item}
    key = {"ticket_id": next(iter(images.values()))["ticket_id"]}
    return {"dynamodb": {"Keys": key, "SequenceNumber": "1", **images}}


def process(record: dict[str, Any]) -> float:
    """Process a record. Return the CPU in milliseconds."""
    start = time.process_time()
    outcome = processing.process([record], lambda: inf)
    seconds = time.process_time() - start
    assert outcome == ([], 0)
    return seconds * 1000


def print_storage() -> None:
    sizes = [item_size(each.serialize()) for each in search_index.scan()]
    total = sum(sizes) + OVERHEAD_BYTES * len(sizes)
    print(f"  index of the ticket: {len(sizes) - 1} postings, {total:,} bytes with overhead")


if __name__ == "__main__":
    main()
