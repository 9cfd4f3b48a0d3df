"""The reference of the benchmarks: the four operations in plain boto3, as a Lambda and as WSGI.

The code is what a user would write without this project. It validates only as much as the
contract's status codes require, does not retry, and does not log. `python bench/reference.py PORT`
serves the WSGI app on the loopback interface.
"""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import boto3
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

table = boto3.resource("dynamodb", region_name=os.environ.get("REGION", "us-east-1")).Table(
    os.environ.get("TABLE_NAME", "poc-itsm-tickets")
)


def create_ticket(body: dict[str, Any]) -> tuple[int, Any]:
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
    return 201, {name: ticket[name] for name in ("ticket_id", "status", "created_at")}


def get_ticket_status(ticket_id: str) -> tuple[int, Any]:
    found = table.get_item(Key={"ticket_id": ticket_id}, ConsistentRead=True)
    if "Item" not in found:
        return 404, {"error": "No such ticket"}
    return 200, found["Item"]


def add_ticket_comment(ticket_id: str, body: dict[str, Any]) -> tuple[int, Any]:
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
            return 404, {"error": "No such ticket"}
        raise
    return 200, {"success": True, "updated_at": now}


def list_recent_tickets(caller_id: str) -> tuple[int, Any]:
    found = table.query(
        IndexName="CallerIdIndex",
        KeyConditionExpression=Key("caller_id").eq(caller_id),
        ScanIndexForward=False,
        Limit=10,
    )
    return 200, {"tickets": found["Items"]}


def respond(method: str, path: str, query: dict[str, str], body: str) -> tuple[int, Any]:
    """Call the operation of a request, and return the status and the body of the response."""
    if (method, path) == ("POST", "/tickets"):
        return create_ticket(json.loads(body))
    if (method, path) == ("GET", "/tickets"):
        return list_recent_tickets(query["caller"])
    if found := re.fullmatch(r"/tickets/([^/]+)(/comments)?", path):
        if (method, found[2]) == ("GET", None):
            return get_ticket_status(found[1])
        if (method, found[2]) == ("POST", "/comments"):
            return add_ticket_comment(found[1], json.loads(body))
    return 404, {"error": "No such operation"}


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Handle an event of an API Gateway REST API."""
    query, body = event["queryStringParameters"] or {}, event["body"] or ""
    status, found = respond(event["httpMethod"], event["path"], query, body)
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(found, ensure_ascii=False),
    }


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Handle a WSGI request."""
    query = dict(parse_qsl(environ["QUERY_STRING"]))
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
    status, found = respond(environ["REQUEST_METHOD"], environ["PATH_INFO"], query, body)
    text = json.dumps(found, ensure_ascii=False).encode()
    start_response(
        f"{status} {HTTPStatus(status).phrase}",
        [("Content-Type", "application/json"), ("Content-Length", str(len(text)))],
    )
    return [text]


def serve(port: int) -> None:
    """Serve the WSGI app on the loopback interface."""
    # Imported here, so that the cold start of the Lambda does not include these modules.
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    class Handler(WSGIRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
            pass

    make_server("127.0.0.1", port, app, Server, Handler).serve_forever()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
