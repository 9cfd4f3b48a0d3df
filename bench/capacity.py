"""Capacity units of each operation, as DynamoDB answers them: `.venv/bin/python -m bench.capacity`.

The engine is Amazon's DynamoDB Local, which `.ci/dynamodb-local` brings. Beside its units stand,
where they differ, those by the DynamoDB Developer Guide: "DynamoDB read and write operations" and
"DynamoDB item sizes and formats".
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import ceil
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from bench.operations import call_wsgi
from itsm_app import config, create_app, storage, table
from itsm_app.models import Ticket
from tests.dynamodb_local import dynamodb_local

KB = 1024
TIME = "2026-11-23T12:00:00.000000Z"
ROW = "{:28}{:>7}{:>9}{:>9}{:>12}{:>14}{:>10}"
HEAD = ROW.format("table + index", "KB", "create", "get", "comment", "list of ten", "requests")
LEGEND = """
The texts are ASCII; other characters have 2 to 4 bytes. A comment writes the whole ticket: one of
n KB, rounded up, costs n write units in the table and n in the index. The units are those of the
Developer Guide too, but where a cell says otherwise."""

Answers = list[dict[str, Any]]
Call = Callable[[str, str, Any], Answers]


def main() -> None:
    """Measure the operations on small and large tickets, and print their units."""
    with dynamodb_local() as url:
        config.use_local_dynamodb(url)
        table.create()
        call = metered(create_app())
        print(HEAD)
        for comments, length in product((0, 20, 200), (100, 1000)):
            print(row(call, comments, "x" * length))
    print(LEGEND)


def metered(app: Any) -> Call:
    """Return a function that calls the app, and returns what DynamoDB answered it."""
    answers: Answers = []

    def call(method: str, path: str, body: Any) -> Answers:
        answers.clear()
        call_wsgi(app, method, path, body)
        return answers.copy()

    events = Ticket.connection().connection.client.meta.events
    events.register("provide-client-params.dynamodb.*", ask_for_indexes)
    events.register("after-call.dynamodb.*", lambda parsed, **_: answers.append(parsed))
    return call


def ask_for_indexes(params: dict[str, Any], **_: Any) -> None:
    # PynamoDB asks for TOTAL, which does not tell the table from its index.
    params["ReturnConsumedCapacity"] = "INDEXES"


def row(call: Call, comments: int, text: str) -> str:
    caller = f"+1555{len(text):04}{comments:03}"
    *_, ticket = [store(caller, comments, text) for _ in range(10)]
    path = f"/tickets/{ticket}"
    listed = call("GET", f"/tickets?caller={quote(caller)}", None)
    created = call("POST", "/tickets", {"caller_id": caller, "issue_description": text})
    read = call("GET", path, None)
    added = call("POST", f"{path}/comments", {"comment": text})
    before, after = [item_size(get["Item"]) / KB for get in (*read, *call("GET", path, None))]
    return ROW.format(
        f"{comments} comments, texts of {len(text)}",
        f"{before:.1f}",
        "" if comments else cell(created, ceil(before), ceil(before)),
        cell(read, ceil(before / 4), 0),
        cell(added, ceil(after), ceil(after)),
        cell(listed, 0, sum(map(query_units, listed))),
        len(listed),
    )


def store(caller: str, comments: int, text: str) -> str:
    ids = [str(uuid4()) for _ in range(comments)]
    said: Any = [{"comment_text": text, "added_at": TIME, "comment_id": each} for each in ids]
    ticket = Ticket(str(uuid4()), caller_id=caller, issue_description=text, comments=said)
    ticket.created_at = ticket.updated_at = TIME
    ticket.ticket_number = "1234-5678-9012"
    ticket.comment_ids = set(ids) or None
    storage.put_new(ticket)
    return str(ticket.ticket_id)


def cell(answers: Answers, *by_the_guide: float) -> str:
    parts = [answer["ConsumedCapacity"] for answer in answers]
    of_table = sum(part["Table"]["CapacityUnits"] for part in parts)
    units = (of_table, sum(part["CapacityUnits"] for part in parts) - of_table)
    differs = "" if units == by_the_guide else " (guide: {:g} + {:g})".format(*by_the_guide)
    return "{:g} + {:g}".format(*units) + differs


def query_units(answer: dict[str, Any]) -> float:
    return ceil(sum(map(item_size, answer["Items"])) / 4 / KB) / 2


def item_size(item: dict[str, Any]) -> int:
    return sum(len(name) + value_size(value) for name, value in item.items())


def value_size(value: dict[str, Any]) -> int:
    if "S" in value:
        return len(value["S"].encode())
    if "N" in value:
        return 1 + ceil(len(value["N"]) / 2)
    if "SS" in value:
        return sum(len(each.encode()) for each in value["SS"])
    if "L" in value:
        return 3 + sum(1 + value_size(entry) for entry in value["L"])
    return 3 + len(value["M"]) + item_size(value["M"])


if __name__ == "__main__":
    main()
