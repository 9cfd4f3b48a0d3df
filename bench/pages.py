"""CPU of the desk's pages and of the same content as JSON: `.venv/bin/python -m bench.pages`.

One app in this process returns both in turn, on one DynamoDB Local.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from flask.testing import FlaskClient

from itsm_app.storage import table
from tests.support.dynamodb_endpoint import use_dynamodb
from tests.support.dynamodb_local import dynamodb_local
from tests.support.keyless import keyless_app

ROUNDS = 20
CALLS = 20
TICKETS = 25
COMMENTS = 20
CALLER = "%2B15550100"


def main() -> None:
    """Print a row for each page."""
    logging.disable(logging.INFO)
    with dynamodb_local() as url:
        use_dynamodb(url)
        table.create()
        client = keyless_app().test_client()
        ticket = create_tickets(client)
        print(f"{'':24}|  page ms   JSON ms    ratio       KB")
        for name, page, route in [
            ("queue of 25", "/desk", f"/tickets?status=open&limit={TICKETS}"),
            ("ticket, 20 comments", f"/desk/tickets/{ticket}", f"/tickets/{ticket}?history=all"),
            (
                "25 tickets of a caller",
                f"/desk/find?q={CALLER}",
                f"/tickets?caller={CALLER}&comments=none&limit={TICKETS}",
            ),
        ]:
            page_time, json_time = measure(client, page, route)
            size = len(client.get(page).data) / 1000
            ratio = page_time / json_time
            times = f"{page_time * 1000:9.2f}{json_time * 1000:10.2f}"
            print(f"{name:24}|{times}{ratio:9.2f}{size:9.1f}")


def create_tickets(client: FlaskClient) -> str:
    """Create tickets of one caller. Return the id of the last one, with comments and history."""

    def send(method: str, path: str, body: dict[str, Any]) -> Any:
        return client.open(path, method=method, json=body).json

    for number in range(TICKETS):
        text = f"Ticket {number}: " + "the printer is on fire and the display says so. " * 2
        body = {"caller_id": "+15550100", "issue_description": text}
        ticket = send("POST", "/tickets", body)["ticket_id"]
    for number in range(COMMENTS):
        send("PATCH", f"/tickets/{ticket}", {"comment": f"Answer {number}. " + "x" * 90})
    send("PATCH", f"/tickets/{ticket}", {"assignee": "local", "priority": "high"})
    return str(ticket)


def measure(client: FlaskClient, *paths: str) -> list[float]:
    """Return the CPU of one call of each path in seconds, the lowest of all rounds."""
    least = [float("inf")] * len(paths)
    for _ in range(ROUNDS):
        for number, path in enumerate(paths):
            start = time.process_time()
            for _ in range(CALLS):
                assert client.get(path).status_code == 200
            least[number] = min(least[number], (time.process_time() - start) / CALLS)
    return least


if __name__ == "__main__":
    main()
