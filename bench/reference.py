"""What a user would write instead: the four operations in plain boto3 behind the standard library.

Written for the benchmarks. It checks no more than the contract's statuses need, retries nothing,
and logs nothing. `python bench/reference.py PORT` serves it on loopback.
"""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import boto3
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

table = boto3.resource("dynamodb", region_name=os.environ.get("REGION", "us-east-1")).Table(
    os.environ.get("TABLE_NAME", "poc-itsm-tickets")
)


def create_ticket(body: dict[str, Any]) -> tuple[str, Any]:
    now = _now()
    ticket = {
        "ticket_id": str(uuid.uuid4()),
        "caller_id": body["caller_id"],
        "issue_description": body["issue_description"],
        "status": "open",
        "created_at": now,
        "updated_at": now,
        "comments": [],
    }
    table.put_item(Item=ticket)
    return "201 Created", {name: ticket[name] for name in ("ticket_id", "status", "created_at")}


def get_ticket_status(ticket_id: str) -> tuple[str, Any]:
    found = table.get_item(Key={"ticket_id": ticket_id}, ConsistentRead=True)
    if "Item" not in found:
        return "404 Not Found", {"error": "No such ticket"}
    return "200 OK", found["Item"]


def add_ticket_comment(ticket_id: str, body: dict[str, Any]) -> tuple[str, Any]:
    now = _now()
    try:
        table.update_item(
            Key={"ticket_id": ticket_id},
            UpdateExpression="SET comments = list_append(comments, :comment), updated_at = :now",
            ConditionExpression="attribute_exists(ticket_id)",
            ExpressionAttributeValues={
                ":comment": [{"comment_text": body["comment"], "added_at": now}],
                ":now": now,
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return "404 Not Found", {"error": "No such ticket"}
        raise
    return "200 OK", {"success": True, "updated_at": now}


def list_recent_tickets(caller_id: str) -> tuple[str, Any]:
    found = table.query(
        IndexName="CallerIdIndex",
        KeyConditionExpression=Key("caller_id").eq(caller_id),
        ScanIndexForward=False,
        Limit=10,
    )
    return "200 OK", {"tickets": found["Items"]}


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Route a request, as WSGI."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    status, answer = "404 Not Found", {"error": "No such operation"}
    if (method, path) == ("POST", "/tickets"):
        status, answer = create_ticket(_body(environ))
    elif (method, path) == ("GET", "/tickets"):
        status, answer = list_recent_tickets(parse_qs(environ["QUERY_STRING"])["caller"][0])
    elif found := re.fullmatch(r"/tickets/([^/]+)(/comments)?", path):
        if (method, found[2]) == ("GET", None):
            status, answer = get_ticket_status(found[1])
        elif (method, found[2]) == ("POST", "/comments"):
            status, answer = add_ticket_comment(found[1], _body(environ))
    text = json.dumps(answer, ensure_ascii=False).encode()
    start_response(
        status, [("Content-Type", "application/json"), ("Content-Length", str(len(text)))]
    )
    return [text]


def _body(environ: dict[str, Any]) -> Any:
    return json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass


if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), app, Server, Handler).serve_forever()
