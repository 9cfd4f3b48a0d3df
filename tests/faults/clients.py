"""Clients that record their requests and responses, and the check of both against the storage."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode
from uuid import uuid4

import boto3
from flask import Flask
from werkzeug.test import TestResponse

from itsm_app.config import REGION, TABLE_NAME
from itsm_app.tickets import places

from .proxy import Proxy

operation: ContextVar[str] = ContextVar("operation", default="")
"""The value of the `X-Operation` header in the app's requests to DynamoDB."""

STORAGE_ATTEMPTS = 3
HARMLESS = {"forwarded", "delay_response"}
# On a busy machine, a response without a fault can exceed the read timeout of the app.
SLOW_SECONDS = 1

Identity = tuple[str | None, ...]


class Write(NamedTuple):
    """A write request.

    `kind` is `ticket`, `comment`, `note` or `handover`: a comment that hands the caller over.
    `scope` is the caller of a ticket, or the ticket of the other kinds. Two writes of a kind in a
    scope have the same text only if they have the same idempotency key.
    """

    kind: str
    scope: str
    text: str

    @property
    def method(self) -> str:
        return "PATCH" if self.kind == "note" else "POST"

    @property
    def path(self) -> str:
        if self.kind == "ticket":
            return "/tickets"
        return f"/tickets/{self.scope}" + ("" if self.kind == "note" else "/comments")

    def body(self, key: str) -> dict[str, Any]:
        keyed: dict[str, Any] = {"idempotency_key": key} if key else {}
        if self.kind == "ticket":
            return {"caller_id": self.scope, "issue_description": self.text, **keyed}
        if self.kind == "note":
            keyed["visibility"] = "internal"
        if self.kind == "handover":
            return {"comment": self.text, "handover": {"summary": self.text}, **keyed}
        return {"comment": self.text, **keyed}

    def result(self, response: Any) -> dict[str, Any]:
        """Return the part of a response that is the same in the response to a repetition."""
        if self.kind == "note":
            (note,) = [each for each in response["comments"] if each["comment_text"] == self.text]
            return {"comment_id": note["comment_id"], "updated_at": note["added_at"]}
        # The hand-over of a repetition waits since the first hand-over that nobody has taken.
        return {name: each for name, each in response.items() if name != "handover"}


class Clients:
    """Clients of the app, which any number of threads may use."""

    def __init__(self, app: Flask, proxy: Proxy) -> None:
        self._app, self._proxy = app, proxy
        # The slot of each write: its idempotency key, or its text without a key. The storage must
        # hold one write per slot.
        self.requested: dict[Write, str] = {}
        self.acknowledged: defaultdict[Write, list[dict[str, Any]]] = defaultdict(list)
        self.acknowledged_texts: defaultdict[str, list[str]] = defaultdict(list)
        self.statuses: list[int] = []
        self.unexpected: list[Any] = []

    def create(self, caller: str, text: str, key: str = "", attempts: int = 1) -> TestResponse:
        return self.write(Write("ticket", caller, text), key, attempts)

    def comment(self, ticket: str, text: str, key: str = "", attempts: int = 1) -> TestResponse:
        return self.write(Write("comment", ticket, text), key, attempts)

    def write(self, write: Write, key: str = "", attempts: int = 1) -> TestResponse:
        self.requested[write] = f"key: {key}" if key else write.text
        for _ in range(attempts):
            response = self._call(write.method, write.path, write.body(key))
            if response.status_code < 500:
                break
        if response.status_code < 300:
            self.acknowledged[write].append(write.result(response.json))
            self.acknowledged_texts[write.scope].append(write.text)
        return response

    def change(
        self, ticket: str, changes: dict[str, str], key: str = "", attempts: int = 1
    ) -> TestResponse:
        """Change fields of a ticket."""
        body = {**changes, "idempotency_key": key} if key else changes
        for _ in range(attempts):
            response = self._call("PATCH", f"/tickets/{ticket}", body)
            if response.status_code < 500:
                break
        return response

    def read(self, ticket: str) -> Any:
        """Read a ticket as the desk, and then as its caller.

        All comments acknowledged before must be in the responses, and no note in the second.
        """
        acknowledged = set(self.acknowledged_texts[ticket])
        response = self._call("GET", f"/tickets/{ticket}").json
        if "code" not in response:
            returned = [comment["comment_text"] for comment in response["comments"]]
            self._compare(acknowledged, returned, f"the ticket {ticket}")
            self._read_as_caller(ticket, response, acknowledged)
        return response

    def _read_as_caller(self, ticket: str, at_the_desk: Any, acknowledged: set[str]) -> None:
        bound = {"X-Caller-Id": quote(at_the_desk["caller_id"])}
        response = self._call("GET", f"/tickets/{ticket}", headers=bound)
        if "code" in response.json:
            return
        returned = [comment["comment_text"] for comment in response.json["comments"]]
        notes = {
            comment["comment_text"]
            for comment in at_the_desk["comments"]
            if comment.get("visibility") == "internal"
        }
        self._compare(acknowledged - notes, returned, f"the ticket {ticket} of its caller")
        if any(note in response.text for note in notes) or '"summary"' in response.text:
            self.unexpected.append((f"the ticket {ticket} reveals internal data", response.json))

    def list_all(self, caller: str, limit: int) -> None:
        """List all tickets of a caller. All tickets acknowledged before must be in the pages."""
        acknowledged, returned, cursor = set(self.acknowledged_texts[caller]), list[str](), ""
        while True:
            query = {"caller": caller, "limit": limit} | ({"cursor": cursor} if cursor else {})
            response = self._call("GET", f"/tickets?{urlencode(query)}").json
            if "code" in response:
                return
            returned += [ticket["issue_description"] for ticket in response["tickets"]]
            cursor = response.get("next_cursor")
            if not cursor:
                break
        self._compare(acknowledged, returned, f"the list of {caller} with limit {limit}")

    def _compare(self, acknowledged: set[str], returned: list[str], where: str) -> None:
        if acknowledged - set(returned) or len(returned) > len(set(returned)):
            self.unexpected.append(
                (where, {"missing": acknowledged - set(returned), "shown": returned})
            )

    def _call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> TestResponse:
        name = uuid4().hex
        operation.set(name)
        response = self._app.test_client().open(path, method=method, json=body, headers=headers)
        self.statuses.append(response.status_code)
        exchanges = self._proxy.trace.pop(name, [])
        failures = sum(
            exchange.fault_name not in HARMLESS or exchange.seconds > SLOW_SECONDS
            for exchange in exchanges
        )
        expected = (
            response.json.get("code") == "storage_unavailable" and failures >= STORAGE_ATTEMPTS
        )
        if response.status_code >= 500 and not expected:
            self.unexpected.append((method, path, body, response.json, exchanges))
        return response

    def violations(self) -> dict[str, list[Any]]:
        """Compare the responses with the stored items and with what the app returns without faults.

        Every acknowledged write must be stored once, and no other write more than once.
        """
        self._proxy.settle()
        callers = {write.scope for write in self.requested if write.kind == "ticket"}
        items = [item for caller in callers for item in _items(self._proxy.engine, caller)]
        stored: defaultdict[Write, list[Identity]] = defaultdict(list)
        for write, identity in self._stored(items):
            stored[write].append(identity)
        slots = Counter(
            (*write[:2], self.requested.get(write)) for write in stored for _ in stored[write]
        )
        found: dict[str, list[Any]] = {
            "lost": [
                write
                for write, responses in self.acknowledged.items()
                if _identity(responses[0]) not in stored[write]
            ],
            "duplicated": [slot for slot, count in slots.items() if count > 1],
            "never requested": [write for write in stored if write not in self.requested],
            "different responses": [
                (write, responses)
                for write, responses in self.acknowledged.items()
                if responses != responses[:1] * len(responses)
            ],
            "broken history": [item for item in items if not has_complete_history(item)],
            "broken hand-overs": [item for item in items if not has_complete_handovers(item)],
            "wrong place": [item for item in items if not has_its_place(item)],
            "unexpected": self.unexpected,
        }
        return {kind: violations for kind, violations in found.items() if violations}

    def _stored(self, items: list[dict[str, Any]]) -> Iterator[tuple[Write, Identity]]:
        for item in items:
            ticket = self.read(item["ticket_id"]["S"])
            assert len(ticket["comments"]) == len([*entries(item, "comments", "notes")])
            write = Write("ticket", ticket["caller_id"], ticket["issue_description"])
            yield write, _identity(ticket)
            handovers = {each["handover_id"]: each for each in entries(item, "handovers")}
            for comment in ticket["comments"]:
                is_note = comment.get("visibility") == "internal"
                is_handover = comment.get("comment_id") in handovers
                kind = "note" if is_note else "handover" if is_handover else "comment"
                write = Write(kind, ticket["ticket_id"], comment["comment_text"])
                yield write, _identity(comment)


def entries(item: dict[str, Any], *fields: str) -> Iterator[dict[str, str]]:
    """Yield the entries of lists of a stored ticket."""
    for field in fields:
        for entry in item.get(field, {"L": []})["L"]:
            yield {name: text["S"] for name, text in entry["M"].items()}


def has_complete_history(item: dict[str, Any]) -> bool:
    """Return whether the history has each change once and leads to the item's current fields."""
    events = [*entries(item, "history")]
    fields = {"status": "open", "priority": "normal"}
    for event in events:
        if event["field"] == "handover":
            # The state of a hand-over is no field of the item.
            continue
        if event.get("from") != fields.pop(event["field"], None):
            return False
        if "to" in event:
            fields[event["field"]] = event["to"]
    applied_once = len({(event["field"], event["change_id"]) for event in events}) == len(events)
    names = ("status", "priority", "assignee")
    return applied_once and fields == {name: item[name]["S"] for name in names if name in item}


def has_complete_handovers(item: dict[str, Any]) -> bool:
    """Return whether each hand-over is there once, with its comment, and one of them waits."""
    comments = {each.get("comment_id"): each for each in entries(item, "comments")}
    handovers = [*entries(item, "handovers")]
    by_id = {each["handover_id"]: each for each in handovers}
    have_comments = all(
        comment_id in comments
        and comments[comment_id]["added_at"] == each["requested_at"]
        and comments[comment_id]["comment_text"] == each["summary"]
        for comment_id, each in by_id.items()
    )
    taken = sum(event["field"] == "handover" for event in entries(item, "history"))
    times = [each["requested_at"] for each in handovers]
    is_waiting = "handover_since" in item
    waits = item["handover_since"]["S"] in times if is_waiting else taken > 0 or not handovers
    has_room = taken + is_waiting <= len(handovers)
    return len(by_id) == len(handovers) and have_comments and waits and has_room


def has_its_place(item: dict[str, Any]) -> bool:
    """Return whether the queue and the position of an item agree with its other fields."""
    place = ("queue", "queue_position")
    fields = {name: value for name, value in item.items() if name not in place}
    # A ticket of an earlier release has no place until it changes.
    return "queue_position" not in item or places.with_place(fields) == item


def _items(engine: str, caller: str) -> Iterator[dict[str, Any]]:
    pages = (
        _client(engine)
        .get_paginator("query")
        .paginate(
            TableName=TABLE_NAME,
            IndexName="CallerIdIndex",
            KeyConditionExpression="caller_id = :caller",
            ExpressionAttributeValues={":caller": {"S": caller}},
        )
    )
    for page in pages:
        yield from page["Items"]


@cache
def _client(engine: str) -> Any:
    return boto3.client("dynamodb", endpoint_url=engine, region_name=REGION)


def _identity(fields: dict[str, Any]) -> Identity:
    """Return the fields of a write response that the stored ticket or comment repeats."""
    if "ticket_id" in fields:
        return fields["ticket_id"], fields["created_at"], fields.get("ticket_number")
    return fields.get("comment_id"), fields.get("added_at") or fields["updated_at"]
