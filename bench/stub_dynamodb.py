"""A stub of DynamoDB with constant responses: `python -m bench.stub_dynamodb`.

The stub prints its port and serves on the loopback interface until it is stopped. It responds
immediately, so that a benchmark measures only the CPU of the app and of the AWS SDK.
"""

from __future__ import annotations

import json
import zlib
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

WITH_20_COMMENTS = "with-20-comments"
"""If the ID of a ticket or caller contains this text, the tickets have 20 comments, else none."""

BOTO3_TABLE = "boto3-itsm-tickets"
"""The table of the boto3 reference. Its tickets have only the attributes that it stores."""

NOW = "2026-02-09T12:20:25.343883Z"
COMMENT_ID = "613e14a5-d42b-4cf2-b763-b1eb5cb8{:04}"


def ticket(comments: int, ours: bool) -> dict[str, Any]:
    """Return a ticket as GetItem returns it.

    Args:
        comments: The number of comments.
        ours: Whether this project has stored the ticket, or the boto3 reference.
    """
    ids = [COMMENT_ID.format(number) for number in range(comments)]
    item = {
        "ticket_id": {"S": "0f5e4c1e-3f0b-4d0a-9a3e-5b7d0a8f4c11"},
        "caller_id": {"S": "+15550100"},
        "issue_description": {"S": "My printer is on fire"},
        "status": {"S": "open"},
        "created_at": {"S": NOW},
        "updated_at": {"S": NOW},
        "comments": {"L": [comment(comment_id, ours) for comment_id in ids]},
    }
    if ours:
        item["ticket_number"] = {"S": "1655-4297-1282"}
        item["idempotency_key"] = {"S": "call-81"}
        item["content_bytes"] = {"N": "1234"}
        item["priority"] = {"S": "normal"}
        item["revision"] = {"N": "21" if ids else "1"}
    if ours and ids:
        item["comment_ids"] = {"SS": ids}
    return item


def comment(comment_id: str, ours: bool) -> dict[str, Any]:
    entry = {"comment_text": {"S": "It is still burning, I think"}, "added_at": {"S": NOW}}
    return {"M": entry | ({"comment_id": {"S": comment_id}} if ours else {})}


def response(body: Any) -> bytes:
    """Return a complete HTTP response.

    The headers are from "Programming with the low-level API" in the DynamoDB Developer Guide.
    """
    text = json.dumps(body, separators=(",", ":")).encode()
    head = (
        "HTTP/1.1 200 OK\r\n"
        "Server: Server\r\n"
        "Date: Mon, 09 Feb 2026 12:20:25 GMT\r\n"
        "Content-Type: application/x-amz-json-1.0\r\n"
        f"Content-Length: {len(text)}\r\n"
        "Connection: keep-alive\r\n"
        "x-amzn-RequestId: 4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG\r\n"
        f"x-amz-crc32: {zlib.crc32(text)}\r\n"
        "\r\n"
    )
    return head.encode() + text


def responses(comments: int, ours: bool) -> dict[str, bytes]:
    """Return the response to each operation. The arguments are those of `ticket`."""
    item = ticket(comments, ours)
    return {
        "PutItem": response({}),
        "UpdateItem": response({}),
        "GetItem": response({"Item": item}),
        "Query": response({"Count": 10, "Items": [item] * 10, "ScannedCount": 10}),
    }


# By whether the tickets have comments, and whether they are in this project's table.
RESPONSES = {
    (bool(comments), ours): responses(comments, ours)
    for comments in (0, 20)
    for ours in (True, False)
}


class Connection(StreamRequestHandler):
    """Responds to the requests of one connection until the client closes it."""

    def handle(self) -> None:
        while self.rfile.readline():
            headers = dict(self._headers())
            body = self.rfile.read(int(headers["content-length"]))
            operation = headers["x-amz-target"].rpartition(".")[2]
            kind = WITH_20_COMMENTS.encode() in body, BOTO3_TABLE.encode() not in body
            self.wfile.write(RESPONSES[kind][operation])

    def _headers(self) -> Any:
        while line := self.rfile.readline().strip().decode():
            name, _, value = line.partition(": ")
            yield name.lower(), value


class Server(ThreadingTCPServer):
    daemon_threads = True


if __name__ == "__main__":
    with Server(("127.0.0.1", 0), Connection) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
