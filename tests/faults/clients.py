"""Clients of the app that keep account of what they asked and were told, and the one check."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

import boto3
from flask import Flask
from werkzeug.test import TestResponse

from itsm_app.config import REGION, TABLE_NAME

from .proxy import Proxy

operation: ContextVar[str] = ContextVar("operation", default="")
"""What the app's requests to DynamoDB carry as `X-Operation`."""

MAX_ATTEMPTS = 3
HARMLESS = {"passed on", "answer_late"}
# A busy machine's engine may take the app's read time-out by itself.
SLOW_SECONDS = 1

Identity = tuple[str | None, ...]


class Write(NamedTuple):
    """What a client asks for: a ticket of a caller, who is its scope, or a comment on a ticket.

    No two writes of a scope have the same words, but for those with the same key.
    """

    kind: str
    scope: str
    words: str

    @property
    def path(self) -> str:
        return "/tickets" if self.kind == "ticket" else f"/tickets/{self.scope}/comments"

    def body(self, key: str) -> dict[str, str]:
        keyed = {"idempotency_key": key} if key else {}
        if self.kind == "ticket":
            return {"caller_id": self.scope, "issue_description": self.words, **keyed}
        return {"comment": self.words, **keyed}


class Clients:
    """Any number of clients, in any number of threads."""

    def __init__(self, app: Flask, proxy: Proxy) -> None:
        self._app, self._proxy = app, proxy
        # With what each was asked for: its key, or its words where it has none.
        self.asked: dict[Write, str] = {}
        self.told: defaultdict[Write, list[dict[str, Any]]] = defaultdict(list)
        self.said: defaultdict[str, list[str]] = defaultdict(list)
        self.statuses: list[int] = []
        self.unforeseen: list[Any] = []

    def create(self, caller: str, words: str, key: str = "", tries: int = 1) -> TestResponse:
        return self.write(Write("ticket", caller, words), key, tries)

    def comment(self, ticket: str, words: str, key: str = "", tries: int = 1) -> TestResponse:
        return self.write(Write("comment", ticket, words), key, tries)

    def write(self, write: Write, key: str = "", tries: int = 1) -> TestResponse:
        self.asked[write] = f"key: {key}" if key else write.words
        for _ in range(tries):
            response = self._call("POST", write.path, write.body(key))
            if response.status_code < 500:
                break
        if response.status_code < 300:
            self.told[write].append(response.json)
            self.said[write.scope].append(write.words)
        return response

    def change(
        self, ticket: str, wanted: dict[str, str], key: str = "", tries: int = 1
    ) -> TestResponse:
        """Ask for fields of a ticket to be so."""
        body = {**wanted, "idempotency_key": key} if key else wanted
        for _ in range(tries):
            response = self._call("PATCH", f"/tickets/{ticket}", body)
            if response.status_code < 500:
                break
        return response

    def read(self, ticket: str) -> Any:
        """Read a ticket, and see that what was told before is there."""
        said = set(self.said[ticket])
        answer = self._call("GET", f"/tickets/{ticket}").json
        if "code" not in answer:
            shown = [each["comment_text"] for each in answer["comments"]]
            self._compare(said, shown, f"the ticket {ticket}")
        return answer

    def browse(self, caller: str, limit: int) -> None:
        """Read a caller's tickets, page by page, and see that those told before are there."""
        said, shown, cursor = set(self.said[caller]), list[str](), ""
        while True:
            query = {"caller": caller, "limit": limit} | ({"cursor": cursor} if cursor else {})
            answer = self._call("GET", f"/tickets?{urlencode(query)}").json
            if "code" in answer:
                return
            shown += [each["issue_description"] for each in answer["tickets"]]
            cursor = answer.get("next_cursor")
            if not cursor:
                break
        self._compare(said, shown, f"the list of {caller} by {limit}")

    def _compare(self, said: set[str], shown: list[str], where: str) -> None:
        if said - set(shown) or len(shown) > len(set(shown)):
            self.unforeseen.append((where, {"missing": said - set(shown), "shown": shown}))

    def _call(self, method: str, path: str, body: Any = None) -> TestResponse:
        name = uuid4().hex
        operation.set(name)
        response = self._app.test_client().open(path, method=method, json=body)
        self.statuses.append(response.status_code)
        met = self._proxy.trace.pop(name, [])
        harm = sum(each.met not in HARMLESS or each.seconds > SLOW_SECONDS for each in met)
        foreseen = response.json.get("code") == "storage_unavailable" and harm >= MAX_ATTEMPTS
        if response.status_code >= 500 and not foreseen:
            self.unforeseen.append((method, path, body, response.json, met))
        return response

    def violations(self) -> dict[str, list[Any]]:
        """Compare with what the engine holds, and what the app shows once nothing fails.

        Everything told is to be there once, and nothing else twice.
        """
        self._proxy.settle()
        callers = {write.scope for write in self.asked if write.kind == "ticket"}
        items = [item for caller in callers for item in _items(self._proxy.engine, caller)]
        kept: defaultdict[Write, list[Identity]] = defaultdict(list)
        for write, identity in self._kept(items):
            kept[write].append(identity)
        filled = Counter((*write[:2], self.asked.get(write)) for write in kept for _ in kept[write])
        found: dict[str, list[Any]] = {
            "lost": [each for each in self.told if _identity(self.told[each][0]) not in kept[each]],
            "doubled": [slot for slot, times in filled.items() if times > 1],
            "never asked": [write for write in kept if write not in self.asked],
            "told differently": [
                (write, told) for write, told in self.told.items() if told != told[:1] * len(told)
            ],
            "history broken": [item for item in items if not history_is_whole(item)],
            "unforeseen": self.unforeseen,
        }
        return {name: each for name, each in found.items() if each}

    def _kept(self, items: list[dict[str, Any]]) -> Iterator[tuple[Write, Identity]]:
        for item in items:
            ticket = self.read(item["ticket_id"]["S"])
            assert len(ticket["comments"]) == len(item["comments"]["L"])
            write = Write("ticket", ticket["caller_id"], ticket["issue_description"])
            yield write, _identity(ticket)
            for comment in ticket["comments"]:
                write = Write("comment", ticket["ticket_id"], comment["comment_text"])
                yield write, _identity(comment)


def history_is_whole(item: dict[str, Any]) -> bool:
    """Whether each change was made once, of what there was, and the last ones are how it is."""
    events = [
        {name: text["S"] for name, text in event["M"].items()}
        for event in item.get("history", {"L": []})["L"]
    ]
    fields = {"status": "open", "priority": "normal"}
    for event in events:
        if event.get("from") != fields.pop(event["field"], None):
            return False
        if "to" in event:
            fields[event["field"]] = event["to"]
    once = len({(event["field"], event["change_id"]) for event in events}) == len(events)
    names = ("status", "priority", "assignee")
    return once and fields == {name: item[name]["S"] for name in names if name in item}


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


def _identity(answer: dict[str, Any]) -> Identity:
    """What of the answer to a write comes again in the ticket."""
    if "ticket_id" in answer:
        return answer["ticket_id"], answer["created_at"], answer.get("ticket_number")
    return answer.get("comment_id"), answer.get("added_at") or answer["updated_at"]
