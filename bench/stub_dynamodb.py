"""A DynamoDB that answers at once, with the same bytes every time: `python -m bench.stub_dynamodb`.

It prints its port, and serves on loopback until it is stopped. With it, what is left of an
operation's CPU is the app's own and the AWS SDK's.
"""

from __future__ import annotations

import json
import zlib
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

TALKATIVE = "with-20-comments"
"""In a ticket's or a caller's id: the tickets have 20 comments. Without it they have none."""

NOW = "2026-02-09T12:20:25.343883Z"


def ticket(comments: int) -> dict[str, Any]:
    """Return a ticket as DynamoDB's GetItem has it."""
    texts = [f"Comment {number}: it is still burning" for number in range(comments)]
    entries = [{"M": {"comment_text": {"S": text}, "added_at": {"S": NOW}}} for text in texts]
    return {
        "ticket_id": {"S": "0f5e4c1e-3f0b-4d0a-9a3e-5b7d0a8f4c11"},
        "caller_id": {"S": "+15550100"},
        "issue_description": {"S": "My printer is on fire"},
        "status": {"S": "open"},
        "created_at": {"S": NOW},
        "updated_at": {"S": NOW},
        "comments": {"L": entries},
    }


def answer(body: Any) -> bytes:
    """Return a whole HTTP answer.

    Its headers: "Programming with the low-level API" in the DynamoDB Developer Guide.
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


def ten(comments: int) -> dict[str, Any]:
    """Return a Query's answer of ten tickets."""
    return {"Count": 10, "Items": [ticket(comments)] * 10, "ScannedCount": 10}


# By operation and by whether there are comments.
ANSWERS = {
    ("PutItem", False): answer({}),
    ("UpdateItem", False): answer({}),
    ("GetItem", False): answer({"Item": ticket(0)}),
    ("GetItem", True): answer({"Item": ticket(20)}),
    ("Query", False): answer(ten(0)),
    ("Query", True): answer(ten(20)),
}


class Connection(StreamRequestHandler):
    """Answers one request after the other until the client hangs up."""

    def handle(self) -> None:
        while self.rfile.readline():
            headers = dict(self._headers())
            body = self.rfile.read(int(headers["content-length"]))
            operation = headers["x-amz-target"].rpartition(".")[2]
            self.wfile.write(ANSWERS[operation, TALKATIVE.encode() in body])

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
