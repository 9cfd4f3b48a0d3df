"""DynamoDB capacity units of each operation: `.venv/bin/python -m bench.capacity`.

Amazon's DynamoDB Local, which `.ci/dynamodb-local` installs, reports the units. If the rules of the
DynamoDB Developer Guide give another number, the table shows that number too ("DynamoDB read and
write operations" and "DynamoDB item sizes and formats").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import ceil
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from bench.operations import call_wsgi
from itsm_app.storage import items, queries, table
from itsm_app.storage.models import (
    CallerIdIndex,
    QueueIndex,
    StatusIndex,
    StatusQueueIndex,
    Ticket,
)
from itsm_app.tickets import places
from tests.support.dynamodb_endpoint import use_dynamodb
from tests.support.dynamodb_local import dynamodb_local
from tests.support.keyless import keyless_app

KB = 1024
TIME = "2026-11-23T12:00:{:02}.000000Z"
ROW = "{:28}{:>7}{:>20}{:>6}{:>24}{:>24}{:>6}{:>7}"
HEADS = ("KB", "create", "get", "comment", "status", "list", "queue")
LEGEND = """
Writes are listed as table + CallerIdIndex + StatusIndex + StatusQueueIndex + QueueIndex. A status
change reads the ticket first, which costs as much as a get. The list and the queue have ten such
tickets; a page of more than 1 MB takes several requests. The texts are ASCII; other characters have
2 to 4 bytes. The units are the same as by the rules of the Developer Guide, unless a cell shows
both."""
# The indexes without comments and history, and how many of their entries a status change writes.
# The status is a key of two indexes: their old entry is deleted and a new one is written.
ENTRIES: dict[type[StatusIndex | StatusQueueIndex | QueueIndex], int] = {
    StatusIndex: 2,
    StatusQueueIndex: 2,
    QueueIndex: 1,
}

# The responses of DynamoDB to the requests of one call.
Responses = list[dict[str, Any]]
Call = Callable[[str, str, Any], Responses]


def main() -> None:
    """Print the units of each operation for small and large tickets."""
    with dynamodb_local() as url:
        use_dynamodb(url)
        table.create()
        call = record_responses(keyless_app())
        print(ROW.format("", *HEADS))
        for second, (comments, length) in enumerate(product((0, 20, 200), (100, 1000))):
            print(row(call, comments, "x" * length, TIME.format(second)))
    print(LEGEND)


def record_responses(app: Any) -> Call:
    """Return a function that calls the app and returns the responses of DynamoDB."""
    responses: Responses = []

    def call(method: str, path: str, body: Any) -> Responses:
        responses.clear()
        call_wsgi(app, method, path, body)
        return responses.copy()

    events = Ticket.connection().connection.client.meta.events
    events.register("provide-client-params.dynamodb.*", request_units_of_indexes)
    events.register("after-call.dynamodb.*", lambda parsed, **_: responses.append(parsed))
    return call


def request_units_of_indexes(params: dict[str, Any], **_: Any) -> None:
    # PynamoDB requests TOTAL, which has one sum for the table and its indexes.
    params["ReturnConsumedCapacity"] = "INDEXES"


def row(call: Call, comments: int, text: str, time: str) -> str:
    caller = f"+1555{len(text):04}{comments:03}"
    # With an eleventh ticket, the page of the queue has a next page, unlike the caller's list.
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
    item, commented, changed_item = (
        write_units(response) for response in (read[0], after_comment, after_change)
    )
    return ROW.format(
        f"{comments} comments, texts of {len(text)}",
        f"{item_size(read[0]['Item']) / KB:.1f}",
        "" if comments else writes(created, *item),
        reads(read, ceil(item[0] / 4)),
        writes(added, *commented),
        writes(
            [changed],
            *changed_item[:2],
            *(n * units for n, units in zip(ENTRIES.values(), changed_item[2:], strict=True)),
        ),
        reads(listed, query_units(listed)),
        reads(queued, query_units(queued)),
    )


def store(caller: str, comments: int, text: str, time: str) -> str:
    ids = [str(uuid4()) for _ in range(comments)]
    entries: Any = [{"comment_text": text, "added_at": time, "comment_id": each} for each in ids]
    ticket = Ticket(str(uuid4()), caller_id=caller, issue_description=text, comments=entries)
    ticket.created_at = ticket.updated_at = time
    ticket.ticket_number = "1234-5678-9012"
    ticket.comment_ids = set(ids) or None
    places.set_place(ticket)
    items.put_new(ticket)
    return str(ticket.ticket_id)


def write_units(response: dict[str, Any]) -> list[int]:
    """Return the units of writing a ticket and its entry in each index, by the guide's rules."""
    item = response["Item"]
    entries = [
        {name: value for name, value in item.items() if name in attributes(index)}
        for index in ENTRIES
    ]
    return [ceil(item_size(each) / KB) for each in (item, item, *entries)]


def attributes(index: type[StatusIndex | StatusQueueIndex | QueueIndex]) -> set[str]:
    """Return the attributes of a ticket in an index."""
    keys = queries.KEYS[index.Meta.index_name]
    return {"ticket_id", *keys, *index.Meta.projection.non_key_attributes}


def writes(responses: Responses, *by_guide: float) -> str:
    (response,) = responses
    consumed = response["ConsumedCapacity"]
    indexes = consumed["GlobalSecondaryIndexes"]
    names = [index.Meta.index_name for index in (CallerIdIndex, *ENTRIES)]
    parts = [consumed["Table"], *(indexes[name] for name in names)]
    return cell([part["CapacityUnits"] for part in parts], by_guide)


def reads(responses: Responses, by_guide: float) -> str:
    consumed = sum(response["ConsumedCapacity"]["CapacityUnits"] for response in responses)
    return cell([consumed], [by_guide])


def query_units(responses: Responses) -> float:
    sizes = [sum(map(item_size, response["Items"])) for response in responses]
    return sum(ceil(size / 4 / KB) / 2 for size in sizes)


def cell(reported: Sequence[float], by_guide: Sequence[float]) -> str:
    text, guide = (" + ".join(map("{:g}".format, units)) for units in (reported, by_guide))
    return text if text == guide else f"{text} (guide: {guide})"


def item_size(item: dict[str, Any]) -> int:
    return sum(len(name) + value_size(value) for name, value in item.items())


def value_size(value: dict[str, Any]) -> int:
    if "S" in value:
        return len(value["S"].encode())
    if "N" in value:
        return 1 + ceil(len(value["N"]) / 2)
    if "SS" in value:
        return sum(len(text.encode()) for text in value["SS"])
    if "L" in value:
        return 3 + sum(1 + value_size(entry) for entry in value["L"])
    return 3 + len(value["M"]) + item_size(value["M"])


if __name__ == "__main__":
    main()
