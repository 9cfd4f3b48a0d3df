"""Random HTTP requests for the fuzz tests: valid parts, mixed with hostile ones."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes

from itsdangerous import URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode

from itsm_app.desk.sessions import COOKIE

from .mcp_messages import META, REVISIONS

FRAGMENTS = [
    *(b"%ff", b"%ed%a0%80", b"%00", b"%0d%0a", b"%", b"%zz", b"%2f", b"%F0%9F%98%80", b"%25ff"),
    *(b"\xff", b"\xed\xa0\x80", b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"\x00", b"\x7f", b"\t", b" "),
    *(b"a..b", b"a" * 64, b"xn--a", b"XN--A", b"[::1", b"[", b"]", b":99999", b"@", b"//", b"..;"),
    *(b"1" * 400, b"-1", b"0", b"1e999", b"NaN", b"null", b"true", b"{", b'"', b"'", b"<b>", b"\\"),
    *(b",", b";", b"=", b"&", b"?", b"#", b"+", b"*", b"W/", b";q=x", b";q=nan", b"x" * 3000),
]
TEXTS = [
    "a",
    "+15550100",
    "anonymous",
    "\ud800",
    "\udfff\ud800",
    "é",
    "😀",
    "\0",
    "",
    " ",
    "x" * 1001,
]
NUMBERS = [0, -1, 5, 2**63, 2**64, 10**400, 1e308, float("nan"), float("inf"), 0.1]
METHODS = [b"GET", b"POST", b"PATCH", b"DELETE", b"HEAD", b"PUT", b"OPTIONS", b"TRACE"]
ROUTES = [
    *((b"POST", b"/mcp"),) * 6,
    *((b"POST", b"/tickets"), (b"GET", b"/tickets"), (b"GET", b"/tickets/"), (b"HEAD", b"/desk")),
    *((b"GET", b"/tickets/ID"), (b"PATCH", b"/tickets/ID"), (b"POST", b"/tickets//comments")),
    *((b"POST", b"/tickets/ID/comments"), (b"GET", b"/openapi.json"), (b"GET", b"/health")),
    *((b"GET", b"/docs"), (b"GET", b"/docs/init.js"), (b"GET", b"/docs/swagger-ui.css")),
    *((b"GET", b"/desk"), (b"GET", b"/desk/"), (b"GET", b"/desk/tickets/ID")),
    *((b"POST", b"/desk/tickets/ID"), (b"GET", b"/desk/find"), (b"GET", b"/desk/new")),
    *((b"POST", b"/desk/new"), (b"GET", b"/desk/stats"), (b"GET", b"/desk/sign-in")),
    *((b"POST", b"/desk/sign-in"), (b"POST", b"/desk/sign-out"), (b"GET", b"/")),
    *((b"GET", b"/desk/static/desk.css"), (b"GET", b"*"), (b"GET", b"http://a/desk")),
]
FIELDS = [
    *("caller", "caller_id", "comment", "comments", "issue_description", "idempotency_key"),
    *(
        "limit",
        "cursor",
        "status",
        "priority",
        "assignee",
        "order",
        "history",
        "version",
        "q",
        "entries",
    ),
    *("done", "next", "from", "v", "key", "sure", "ticket_id", "name", "arguments"),
    *("take", "resolve", "back", "visibility", "duplicate_of", "take_on_answer", "keeps_draft"),
    *("seen_status", "seen_priority", "seen_assignee", "seen_entry", "ticket", "delete"),
    *("answer_id", "text", "revision", "follow_up_of"),
]
VALUES = ["open", "closed", "low", "newest", "all", "none", "latest", "3.1.0", "10", "ID", "x"]
RPC_METHODS = ["initialize", "ping", "server/discover", "tools/list", "tools/call", "x"]
TOOLS = ["create_ticket", "get_ticket_status", "add_ticket_comment", "list_recent_tickets"]
# Headers, each with a value that has an effect.
HEADERS: dict[bytes, list[bytes]] = {
    b"Authorization": [b"Bearer KEY", b"Basic eDp5"],
    b"X-Caller-Id": [b"%2B15550100", b"a"],
    b"Idempotency-Key": [b"k"],
    b"If-Match": [b'"x"', b"*", b'W/"x"'],
    b"If-None-Match": [b'"x"', b"*"],
    b"If-Modified-Since": [b"Thu, 01 Jan 1970 00:00:00 GMT", b"Thu, 99 Jan 99999 99:99:99 +9999"],
    b"If-Range": [b'"x"', b"Thu, 01 Jan 0001 00:00:00 GMT"],
    b"Range": [b"bytes=0-1", b"bytes=-99999999999999999999"],
    b"Accept": [b"application/json, text/event-stream", b"*/*"],
    b"Accept-Encoding": [b"gzip", b"gzip;q=0"],
    b"Content-Type": [
        *(b"application/json",) * 4,
        b"application/x-www-form-urlencoded",
        b"application/x-www-form-urlencoded; charset=utf-16",
        b"multipart/form-data; boundary=b",
        b"multipart/form-data",
    ],
    b"Content-Encoding": [b"gzip"],
    b"Origin": [b"http://127.0.0.1", b"null", b"http://[", b"https://a:b"],
    b"Sec-Fetch-Site": [b"same-origin"] * 5 + [b"cross-site"],
    b"X-Request-Id": [b"a-1"],
    b"MCP-Protocol-Version": [revision.encode() for revision in REVISIONS],
    b"Mcp-Method": [method.encode() for method in RPC_METHODS],
    b"Mcp-Name": [*(tool.encode() for tool in TOOLS), b"=?base64?/w==?=", b"=?base64?x?="],
    b"X-Forwarded-For": [b"127.0.0.1"],
    b"X-Forwarded-Proto": [b"https", b"x"],
    b"X-Forwarded-Prefix": [b"/x"],
    b"Forwarded": [b"for=127.0.0.1"],
    b"Upgrade": [b"websocket"],
    b"Expect": [b"100-continue"],
    b"User-Agent": [b"x"],
}


class Request(NamedTuple):
    """A request, as the bytes that a client sends."""

    method: bytes
    path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Generator:
    """Random requests. The seed and the number of a request determine the request.

    Args:
        seed: The seed of the run.
        key: A valid API key.
        secret: The secret that signs the desk's cookies.
        session: The content of a valid session.
        ticket_id: An existing ticket.
    """

    def __init__(
        self, seed: str, key: str, secret: str, session: list[str], ticket_id: str
    ) -> None:
        self._seed = seed
        self._key, self._ticket_id = key.encode(), ticket_id.encode()
        self._signer = URLSafeTimedSerializer(secret, salt=COOKIE).make_signer(COOKIE)
        self._session = session
        self._random = random.Random()

    def request(self, number: int) -> Request:
        """Return the request with this number."""
        self._random.seed(f"{self._seed} {number}")
        method, path = self._pick(ROUTES)
        if self._chance(0.1):
            method = self._sometimes(0.1, self._junk, lambda: self._pick(METHODS))
        body = self._body(path)
        if self._chance(0.15):
            place = self._random.randrange(len(body) + 1)
            body = body[:place] + self._junk() + body[place + self._random.randrange(3) :]
        if self._chance(0.1):
            place = self._random.randrange(len(path)) + 1
            path = path[:place] + self._junk() + path[place:]
        path = path.replace(b"ID", self._reference())
        return Request(
            method,
            path.translate(None, b" \r\n"),
            self._query().translate(None, b" \r\n"),
            [(name, value.translate(None, b"\r\n")) for name, value in self._headers()],
            body,
        )

    def _body(self, path: bytes) -> bytes:
        if self._chance(0.1):
            kinds = [self._junk, self._json, self._form, self._multipart, self._rpc]
            return bytes(self._pick(kinds)())
        if path == b"/mcp":
            return self._rpc()
        return self._form() if path.startswith(b"/desk") else self._json()

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _pick(self, choices: Any) -> Any:
        return self._random.choice(choices)

    def _sometimes(
        self, probability: float, rare: Callable[[], bytes], usual: Callable[[], bytes]
    ) -> bytes:
        return rare() if self._chance(probability) else usual()

    def _junk(self) -> bytes:
        parts = self._random.choices(FRAGMENTS, k=self._random.randint(1, 3))
        return b"".join([*parts, self._random.randbytes(2) if self._chance(0.2) else b""])

    def _reference(self) -> bytes:
        return self._sometimes(0.2, self._junk, lambda: self._ticket_id)

    def _query(self) -> bytes:
        pairs = [
            self._sometimes(0.15, self._junk, lambda: self._pick(FIELDS).encode())
            + b"="
            + self._sometimes(0.3, self._junk, lambda: quote_from_bytes(self._text()).encode())
            for _ in range(self._random.choice([0, 0, 0, 1, 2]))
        ]
        return b"&".join(pairs)

    def _text(self) -> bytes:
        text = self._pick(TEXTS + VALUES).encode(errors="surrogatepass")
        return bytes(text.replace(b"ID", self._ticket_id))

    def _headers(self) -> list[tuple[bytes, bytes]]:
        host = self._sometimes(0.15, self._junk, lambda: b"127.0.0.1")
        headers = [(b"Host", host)]
        if not self._chance(0.1):
            headers.append((b"x-api-key", self._key))
        if self._chance(0.6):
            headers.append((b"Cookie", self._cookie()))
        if self._chance(0.8):
            headers.append((b"Sec-Fetch-Site", b"same-origin"))
        for name in self._random.sample([*HEADERS], self._random.randint(0, 6)):
            usual = self._pick(HEADERS[name])
            value = self._junk() if self._chance(0.4) else usual
            headers.append((name, value.replace(b"KEY", self._key)))
        if self._chance(0.05):
            headers.append((self._junk().translate(None, b" \t\r\n:\0"), self._junk()))
        return headers

    def _cookie(self) -> bytes:
        content: Any = self._session
        if self._chance(0.5):
            content = self._pick(
                [self._value(), [self._session[0], self._value()], [self._value()]]
            )
        payload = base64_encode(json.dumps(content).encode())
        if self._chance(0.1):
            payload = self._junk().translate(None, b"\0\t \r\n;,")
        signed: bytes = self._signer.sign(payload)
        return b"desk=" + self._sometimes(0.1, self._junk, lambda: signed)

    def _value(self, depth: int = 0) -> Any:
        kind = self._random.randrange(8 if depth < 3 else 5)
        if kind < 3:
            return self._pick(TEXTS + VALUES).replace("ID", self._ticket_id.decode())
        if kind < 5:
            return self._pick([*NUMBERS, None, True, False])
        if kind == 5:
            return [self._value(depth + 1) for _ in range(self._random.randrange(3))]
        return self._object(FIELDS, depth + 1)

    def _object(self, names: list[str], depth: int = 0) -> dict[str, Any]:
        chosen = self._random.sample(names, self._random.randint(0, min(6, len(names))))
        return {self._pick([*chosen, *TEXTS[:5]]): self._value(depth) for _ in chosen}

    def _json(self) -> bytes:
        required = ["caller_id", "issue_description", "comment"]
        fields = {name: self._pick(TEXTS[:3]) for name in required}
        more = self._object(FIELDS) if self._chance(0.5) else {}
        return json.dumps(fields | more).encode()

    def _form(self) -> bytes:
        return self._query() + b"&key=" + self._key

    def _multipart(self) -> bytes:
        part = b'--b\r\nContent-Disposition: form-data; name="%b"\r\n%b\r\n%b\r\n'
        name = self._pick(FIELDS).encode()
        kind = self._pick([b"", b"Content-Type: text/plain; charset=utf-7\r\n", self._junk()])
        return part % (name, kind, self._junk()) + (b"--b--\r\n" if self._chance(0.5) else b"")

    def _rpc(self) -> bytes:
        messages = [self._message() for _ in range(self._pick([1, 1, 1, 2, 11]))]
        return json.dumps(messages[0] if len(messages) == 1 else messages).encode()

    def _message(self) -> Any:
        arguments = {"caller_id": "a", "issue_description": "b", "comment": "c", "caller": "a"}
        arguments |= {"ticket_id": self._ticket_id.decode()}
        arguments |= self._object(FIELDS) if self._chance(0.5) else {}
        params = {"name": self._pick(TOOLS), "arguments": arguments, "_meta": META}
        message = {
            "jsonrpc": "2.0",
            "id": self._pick([1, "a", self._value()]),
            "method": self._pick(RPC_METHODS),
            "params": params if self._chance(0.7) else self._value(),
        }
        for name in self._random.sample([*message], self._pick([0, 0, 1])):
            message[name] = self._value()
        return message if self._chance(0.95) else self._value()
