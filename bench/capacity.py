"""Capacity units of each operation, as DynamoDB answers them: `.venv/bin/python -m bench.capacity`.

The engine is Amazon's DynamoDB Local, which `.ci/dynamodb-local` brings. Beside its units stand,
where they differ, those by the DynamoDB Developer Guide: "DynamoDB read and write operations" and
"DynamoDB item sizes and formats".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import ceil
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from bench.operations import call_wsgi
from itsm_app import create_app
from itsm_app.storage import items, table
from itsm_app.storage.models import CallerIdIndex, StatusIndex, Ticket
from tests.support.dynamodb_endpoint import use_dynamodb
from tests.support.dynamodb_local import dynamodb_local

KB = 1024
TIME = "2026-11-23T12:00:{:02}.000000Z"
ROW = "{:28}{:>7}{:>12}{:>6}{:>16}{:>16}{:>6}{:>7}"
HEADS = ("KB", "create", "get", "comment", "status", "list", "queue")
LEGEND = """
Writes are in the table + CallerIdIndex + StatusIndex. A change of the status reads the ticket
first, as a get does. The list and the queue are of ten such tickets; a page of over 1 MB takes
several requests. The texts are ASCII; other characters have 2 to 4 bytes. The units are those
of the Developer Guide too, but where a cell says otherwise."""
INDEXES = (CallerIdIndex, StatusIndex)
# What of a ticket is in StatusIndex.
IN_QUEUE = {
    "ticket_id",
    *(key["AttributeName"] for key in table.STATUS_INDEX["KeySchema"]),
    *table.STATUS_INDEX["Projection"]["NonKeyAttributes"],
}

Answers = list[dict[str, Any]]
Call = Callable[[str, str, Any], Answers]


def main() -> None:
    """Measure the operations on small and large tickets, and print their units."""
    with dynamodb_local() as url:
        use_dynamodb(url)
        table.create()
        call = metered(create_app())
        print(ROW.format("", *HEADS))
        for second, (comments, length) in enumerate(product((0, 20, 200), (100, 1000))):
            print(row(call, comments, "x" * length, TIME.format(second)))
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
    # PynamoDB asks for TOTAL, which does not tell the table from its indexes.
    params["ReturnConsumedCapacity"] = "INDEXES"


def row(call: Call, comments: int, text: str, time: str) -> str:
    caller = f"+1555{len(text):04}{comments:03}"
    # The eleventh shows that the queue goes on, where a caller's list ends.
    store("somebody else", comments, text, time)
    *_, ticket = [store(caller, comments, text, time) for _ in range(10)]
    path = f"/tickets/{ticket}"
    listed = call("GET", f"/tickets?caller={quote(caller)}", None)
    queued = call("GET", "/tickets?status=open&order=newest&limit=10", None)
    created = call("POST", "/tickets", {"caller_id": caller, "issue_description": text})
    read = call("GET", path, None)
    added = call("POST", f"{path}/comments", {"comment": text})
    after_comment, changed = call("PATCH", path, {"status": "in_progress"})
    (after_change,) = call("GET", path, None)
    whole, entry = units(read[0])
    commented, entry_commented = units(after_comment)
    larger, larger_entry = units(after_change)
    return ROW.format(
        f"{comments} comments, texts of {len(text)}",
        f"{item_size(read[0]['Item']) / KB:.1f}",
        "" if comments else writes(created, whole, whole, entry),
        reads(read, ceil(whole / 4)),
        writes(added, commented, commented, entry_commented),
        # Its key there changes: the old entry is deleted, and a new one put.
        writes([changed], larger, larger, 2 * larger_entry),
        reads(listed, query_units(listed)),
        reads(queued, query_units(queued)),
    )


def store(caller: str, comments: int, text: str, time: str) -> str:
    ids = [str(uuid4()) for _ in range(comments)]
    said: Any = [{"comment_text": text, "added_at": time, "comment_id": each} for each in ids]
    ticket = Ticket(str(uuid4()), caller_id=caller, issue_description=text, comments=said)
    ticket.created_at = ticket.updated_at = time
    ticket.ticket_number = "1234-5678-9012"
    ticket.comment_ids = set(ids) or None
    items.put_new(ticket)
    return str(ticket.ticket_id)


def units(answer: dict[str, Any]) -> tuple[int, int]:
    """Return what writing a ticket and its entry in StatusIndex costs, by the guide."""
    entry = {name: value for name, value in answer["Item"].items() if name in IN_QUEUE}
    return ceil(item_size(answer["Item"]) / KB), ceil(item_size(entry) / KB)


def writes(answers: Answers, *by_the_guide: float) -> str:
    (answer,) = answers
    used = answer["ConsumedCapacity"]
    indexes = used["GlobalSecondaryIndexes"]
    parts = [used["Table"], *(indexes[each.Meta.index_name] for each in INDEXES)]
    return cell([part["CapacityUnits"] for part in parts], by_the_guide)


def reads(answers: Answers, by_the_guide: float) -> str:
    used = sum(answer["ConsumedCapacity"]["CapacityUnits"] for answer in answers)
    return cell([used], [by_the_guide])


def query_units(answers: Answers) -> float:
    sizes = [sum(map(item_size, answer["Items"])) for answer in answers]
    return sum(ceil(size / 4 / KB) / 2 for size in sizes)


def cell(units: Sequence[float], by_the_guide: Sequence[float]) -> str:
    text, guide = (" + ".join(map("{:g}".format, each)) for each in (units, by_the_guide))
    return text if text == guide else f"{text} (guide: {guide})"


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
