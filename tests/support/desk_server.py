"""A running app with its desk and with an embedded DynamoDB."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from itsm_app.local.engine import Engine
from itsm_app.tickets import places

from .browser import Browser
from .desk import AGENT, AGENT_ENTRY, ANNA, ANNA_ENTRY, BOB_ENTRY, SECRET
from .flask_run import FlaskRun, flask_run

# How long after a write the search finds a ticket.
SEARCH_SECONDS = 5
# Opens a browser with a new profile.
Open = Callable[..., AbstractContextManager[Browser]]


class Server:
    """A running app with its desk, used through the HTTP API."""

    def __init__(self, server: FlaskRun, folder: Path) -> None:
        self.url = server.url
        self._server = server
        self._engine = Engine(folder)

    def request(self, method: str, path: str, key: str = ANNA, **options: Any) -> Any:
        headers = {"x-api-key": key, **options.pop("headers", {})}
        response = self._server.request(method, path, headers=headers, **options)
        assert response.ok, response.text
        return response.json()

    def create_ticket(self, caller: str = "+15550199", description: str = "Nothing works") -> str:
        body = {"caller_id": caller, "issue_description": description}
        return str(self.request("POST", "/tickets", AGENT, json=body)["ticket_id"])

    def ticket(self, ticket_id: str) -> Any:
        return self.request("GET", f"/tickets/{ticket_id}?history=all")

    def await_search(self, text: str, count: int) -> None:
        """Wait until a search for a text finds so many tickets, for at most 5 seconds."""
        deadline = monotonic() + SEARCH_SECONDS
        while len(self.request("GET", "/tickets", params={"q": text})["tickets"]) < count:
            assert monotonic() < deadline, f"no search finds {text!r}"
            sleep(0.05)

    def set_age(self, ticket_id: str, minutes: int, lasted: int | None = None) -> None:
        """Move the creation of a ticket and its later events into the past.

        The ticket was created `minutes` ago. Its events are spread evenly over the next `lasted`
        minutes, or until now.
        """
        key = {"TableName": "poc-itsm-tickets", "Key": {"ticket_id": {"S": ticket_id}}}
        item = self._ask("GetItem", key)["Item"]
        lists = [item.get(name, {"L": []})["L"] for name in ("history", "notes", "handovers")]
        entries = [entry for found in (item["comments"]["L"], *lists) for entry in found]
        dated = [(item, "created_at")]
        dated += [(entry["M"], name) for entry in entries for name in entry["M"] if "_at" in name]
        # Events of one request have the same time.
        times = sorted({fields[name]["S"] for fields, name in dated})
        moved = {}
        for index, time in enumerate(times):
            later = (minutes if lasted is None else lasted) * index / len(times)
            past = datetime.fromisoformat(time) - timedelta(minutes=minutes - later)
            moved[time] = {"S": past.isoformat(timespec="microseconds").replace("+00:00", "Z")}
        # The ticket repeats the times of some events, for example of the first answer.
        repeated = ("answered_at", "resolved_at", "last_comment_at", "handover_since")
        for fields, name in dated + [(item, name) for name in repeated if name in item]:
            fields[name] = moved[fields[name]["S"]]
        del item["queue_position"]
        item.pop("queue", None)
        self._ask("PutItem", {"TableName": "poc-itsm-tickets", "Item": places.with_place(item)})

    def _ask(self, operation: str, request: dict[str, Any]) -> Any:
        return self._engine.answer(operation, json.dumps(request).encode())


@contextmanager
def run_server(folder: Path) -> Iterator[Server]:
    settings = {
        "LOCAL_DYNAMODB": str(folder),
        "API_KEYS": f"{ANNA_ENTRY},{BOB_ENTRY},{AGENT_ENTRY}",
        "SECRET_KEY": SECRET,
    }
    with flask_run(**settings) as server:
        yield Server(server, folder)
