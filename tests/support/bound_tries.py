"""Attempts to bypass caller binding, as a table of requests with their expected outcomes.

The platform binds every request to Anna. The requests try to read, list, comment on or create
tickets of Bob.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from itsm_app.tickets import cursors

from .two_callers import (
    ANNA,
    ANNA_FILING,
    ANNAS_TICKET,
    BOB,
    BOBS_COMMENT,
    BOBS_COMMENT_KEY,
    BOBS_KEY,
    BOBS_TEXT,
    BOBS_TICKET,
    BOBS_TIME,
    COMMENT_ID,
    ETAG,
    ID,
    NUMBER,
    OLD_ID,
    SPOKEN,
    TWIN_ID,
    TWIN_KEY,
    WRITTEN,
    quoted,
)

Pairs = Sequence[tuple[str, str]]


class Outcome(NamedTuple):
    """The expected outcome: the status, and the code and field of an error.

    For a successful request, `code` describes the data in the response.
    """

    status: int
    code: str
    field: str = ""


MISMATCH = Outcome(403, "caller_mismatch")
NOT_FOUND = Outcome(404, "ticket_not_found")
NO_SUCH_OPERATION = Outcome(404, "no_such_operation")
MISHEARD_NUMBER = Outcome(400, "misheard_number")
INVALID_BODY = Outcome(400, "invalid_body")
OWN_LIST = Outcome(200, "Anna's one ticket")
EMPTY_LIST = Outcome(200, "an empty list")
OWN_TICKET = Outcome(201, "a new ticket for Anna")


def invalid(field: str) -> Outcome:
    return Outcome(400, "invalid_field", field)


class Attempt(NamedTuple):
    """A request and its expected outcome.

    `event` tells whether API Gateway can send this request to a Lambda.
    """

    label: str
    method: str
    target: str
    headers: Pairs
    body: bytes
    outcome: Outcome
    event: bool = True


AS_ANNA = ("X-Caller-Id", quoted(ANNA))
AS_ANNA_FILING = ("X-Caller-Id", quoted(ANNA_FILING))

COMMENT = b'{"comment": "Anna was here"}'
CHANGE = b'{"status": "closed", "comment": "Anna was here"}'


# The attempts that the fast suite sends, without the operation. They reach each path through the
# app that the other attempts reach. They were chosen by the branches that each attempt takes.
ONE_PER_PATH = {
    # References to a ticket.
    "the id",
    "head, the id",
    "the number",
    "the id, in capitals",
    "the number in Arabic digits",
    "the number three times",
    "the number and a digit",
    "the number with another last digit",
    # Paths and methods.
    f"/tickets/{ID}/",
    f"/tickets/%2F{ID}",
    "PATCH",
    "PUT the id",
    "the id as a parameter",
    # Queries.
    "?",
    f"?caller={quoted(ANNA)}",
    f"?caller={quoted(ANNA)}&caller={quoted(BOB)}",
    "?caller=",
    "?caller=%20",
    f"?caller=%00{'x' * 100}",
    f"?caller[]={quoted(BOB)}",
    "?comments=all",
    "?comments=latest",
    "?comments=none",
    "?comments=some",
    "?status=open",
    "?status=closed",
    "?limit=1000",
    # Bodies.
    "no caller",
    "as Anna",
    "as Bob",
    "an empty text",
    "white space",
    "a list",
    "two objects",
    "a list of objects",
    "Bob as `caller`",
    "Bob as `caller_id`",
    "Bob under an escaped name",
    "Bob's ticket in the body",
    # Headers.
    "X_Caller_Id before",
    "two headers, Anna then Bob",
    "empty",
    "only white space",
    "not UTF-8",
    "too long",
    "Bob, percent-encoded twice",
    "GET If-None-Match: *",
    # Cursors.
    "cursor: Bob's",
    "cursor: Bob's, and Anna named",
    "cursor: Bob's with a status, and that status",
    "cursor: Bob's, longer",
    "cursor: Bob's place, Anna's checksum",
    "cursor: Bob's place with a status, Anna's checksum",
    "cursor: Bob in the place",
    # Idempotency keys.
    "Bob's key",
    "Bob's key in the header",
    "Bob's key, another key in the header",
    "the key and text of Bob's twin ticket",
    "Bob's key and Bob's text",
    "Bob's key in the header and Bob's text",
    "Bob's key and Bob's text, by number",
}
OPERATION = re.compile(r"(?:\w+: )?(?:(?:get|list|comment|create),? )?")


def without_operation(label: str) -> str:
    """Return the label of an attempt without its operation, as in `ONE_PER_PATH`."""
    return OPERATION.sub("", label, count=1)


def attempts() -> Iterator[Attempt]:
    """Yield all attempts over HTTP. `mcp_tries` turns many of them into tool calls."""
    yield from references(VALID_REFERENCES, NOT_FOUND)
    yield from references(UNKNOWN_REFERENCES, NOT_FOUND)
    yield from references(INVALID_NUMBERS, MISHEARD_NUMBER)
    yield from paths()
    yield from other_callers()
    yield from query_parameters()
    yield from request_bodies()
    yield from additional_headers()
    yield from invalid_headers()
    yield from foreign_cursors()
    yield from idempotency_keys()
    yield from conditional_requests()


def get(
    label: str, target: str, outcome: Outcome, *more: tuple[str, str], **options: Any
) -> Attempt:
    return Attempt(label, "GET", target, [AS_ANNA, *more], b"", outcome, **options)


def comment(label: str, path: str, outcome: Outcome, body: bytes = COMMENT, *more: Any) -> Attempt:
    return Attempt(f"comment, {label}", "POST", f"{path}/comments", [AS_ANNA, *more], body, outcome)


def create(label: str, body: bytes, outcome: Outcome, *more: Any, query: str = "") -> Attempt:
    target = f"/tickets{query}"
    return Attempt(f"create, {label}", "POST", target, [AS_ANNA_FILING, *more], body, outcome)


def json_of(**fields: Any) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def new(**fields: Any) -> bytes:
    return json_of(issue_description="Anna's door is shut", **fields)


def duplicate_field(first: str, second: str, name: str = "caller_id") -> bytes:
    return f'{{"issue_description": "x", "caller_id": "{first}", "{name}": "{second}"}}'.encode()


def percent_encoded(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def with_digits(zero: str, text: str) -> str:
    return "".join(chr(ord(zero) + int(each)) if each.isdigit() else each for each in text)


# References to Bob's ticket in a path. Bob can read the ticket with each of them.
VALID_REFERENCES = {
    "the id": ID,
    "the id of an old ticket": OLD_ID,
    "the id of another ticket": TWIN_ID,
    "the id, percent-encoded": percent_encoded(ID),
    "the id, its first character percent-encoded": percent_encoded(ID[0]) + ID[1:],
    "the id, its dashes percent-encoded": ID.replace("-", "%2d"),
    "the number": NUMBER,
    "the number with dashes": WRITTEN,
    "the number as spoken": quote(SPOKEN),
    "the number with spaces": WRITTEN.replace("-", "%20"),
    "the number with dots": WRITTEN.replace("-", "."),
    "the number with commas": WRITTEN.replace("-", ","),
    "the number, percent-encoded": percent_encoded(NUMBER),
    "the number with dashes, percent-encoded": percent_encoded(WRITTEN),
    "the number with spaces around it": f"%20{NUMBER}%20",
    "the number with a dash after each digit": "-".join(NUMBER),
    "the number with dashes around it": f"-{WRITTEN}-",
}
# References that match no ticket.
UNKNOWN_REFERENCES = {
    "the id, in capitals": ID.upper(),
    "the id without dashes": ID.replace("-", ""),
    "the id in braces": f"%7B{ID}%7D",
    "the id as a URN": f"urn:uuid:{ID}",
    "the id, percent-encoded twice": percent_encoded(ID).replace("%", "%25"),
    "the id and a NUL": f"{ID}%00",
    "the id and a space": f"{ID}%20",
    "the id after a space": f"%20{ID}",
    "the id and a line feed": f"{ID}%0A",
    "the id and a plus": f"{ID}+",
    "the id and a dot": f"{ID}.",
    "the id and .json": f"{ID}.json",
    "the id and a semicolon": f"{ID};",
    "the id and a path parameter": f"{ID};caller={quoted(BOB)}",
    "the id and an encoded query": f"{ID}%3Fcaller={quoted(BOB)}",
    "the id and an encoded fragment": f"{ID}%23",
    "the id and an asterisk": f"{ID}*",
    "the id in quotation marks": f"%22{ID}%22",
    "the id and an injection": f"{ID}%27%20OR%20%271%27=%271",
    "the id and a backslash": f"{ID}%5C",
    "the ids of Anna's and Bob's tickets": f"{ANNAS_TICKET.ticket_id},{ID}",
    "a part of the id": ID[:-1],
    "an asterisk instead of an id": "*",
    "the number in Arabic digits": quote(with_digits("\u0660", NUMBER)),
    "the number in full-width digits": quote(with_digits("\uff10", NUMBER)),
    "the number in Devanagari digits": quote(with_digits("\u0966", WRITTEN)),
    "the number with non-breaking hyphens": WRITTEN.replace("-", quote("\u2011")),
    "the number and a NUL": f"{NUMBER}%00",
    "the number after a number sign": f"%23{NUMBER}",
    "the number as a fraction": f"{NUMBER}.0e0",
    "the number three times": NUMBER * 3,
    "the id of Bob's comment": COMMENT_ID,
    "Bob's phone number and a letter": quoted(BOB)[3:] + "x",
}
# References that cannot be a ticket number.
INVALID_NUMBERS = {
    "the number and a digit": f"{NUMBER}0",
    "the number after a zero": f"0{NUMBER}",
    "the number twice": NUMBER * 2,
    "the number without its last digit": NUMBER[:-1],
    "the number with another last digit": NUMBER[:-1] + str((int(NUMBER[-1]) + 1) % 10),
}


def references(forms: dict[str, str], outcome: Outcome) -> Iterator[Attempt]:
    """Yield a GET, a HEAD and a comment for each reference to a ticket."""
    for label, reference in forms.items():
        path = f"/tickets/{reference}"
        yield get(f"get, {label}", path, outcome)
        yield Attempt(f"head, {label}", "HEAD", path, [AS_ANNA], b"", outcome)
        yield comment(label, path, outcome)


def paths() -> Iterator[Attempt]:
    """Yield requests with paths that look like the path of an operation."""
    for path in (
        f"/tickets/{ID}/",
        f"/tickets//{ID}",
        f"/tickets/./{ID}",
        f"/tickets/x/../{ID}",
        f"/tickets/%2e%2e/tickets/{ID}",
        f"/health/../tickets/{ID}",
        f"/tickets/%2F{ID}",
        f"/tickets/{ID}%2F",
        f"/tickets/{ID}%2F..",
        f"/Tickets/{ID}",
        f"/TICKETS/{ID}",
        f"/tickets%5C{ID}",
        f"/tickets;/{ID}",
        f"/poc/tickets/{ID}",
        f"/v1/tickets/{ID}",
        f"/tickets/{ID}/comments",
        f"/tickets/{ID}/comments/",
        f"/tickets/{ID}/comments/{COMMENT_ID}",
        f"/tickets/{BOB}/{ID}",
        f"/callers/{BOB}/tickets",
    ):
        yield get(f"get {path}", path, NO_SUCH_OPERATION)
    # Events carry an agent's key, and agents may not send PATCH.
    yield Attempt("PATCH", "PATCH", f"/tickets/{ID}", [AS_ANNA], CHANGE, NOT_FOUND, event=False)
    for method in ("PUT", "DELETE", "OPTIONS", "POST", "TRACE", "QUERY"):
        yield Attempt(
            f"{method} the id", method, f"/tickets/{ID}", [AS_ANNA], COMMENT, NO_SUCH_OPERATION
        )
    yield comment("an encoded slash before the id", f"/tickets/%2F{ID}", NO_SUCH_OPERATION)
    yield comment("two slashes before the id", f"/tickets//{ID}", NO_SUCH_OPERATION)
    yield comment("dot segments", f"/tickets/x/../{ID}", NO_SUCH_OPERATION)
    encoded = f"/tickets/{ID}%2Fcomments"
    yield Attempt("comment, an encoded slash", "POST", encoded, [AS_ANNA], COMMENT, NOT_FOUND)
    yield get("get, the id as a parameter", f"/tickets/?ticket_id={ID}", invalid("ticket_id"))
    yield get("list, the id as a parameter", f"/tickets?ticket_id={ID}", OWN_LIST)
    yield get("two slashes in front", f"//tickets/{ID}", NOT_FOUND)
    # API Gateway does not pass these two on.
    yield get("a whole URL", f"http://127.0.0.1/tickets/{ID}", NOT_FOUND, event=False)
    yield get("a fragment", f"/tickets/{ID}#x", NOT_FOUND, event=False)


# Names of other callers, and names that look like Anna's.
CALLER_NAMES = {
    "Bob": BOB,
    "Bob and a space": f"{BOB} ",
    "a space and Bob": f" {BOB}",
    "Bob and a NUL": f"{BOB}\0",
    "Bob and a line feed": f"{BOB}\n",
    "Bob in full-width digits": with_digits("\uff10", BOB),
    "Bob, percent-encoded twice": quoted(BOB),
    "Bob without a plus": BOB[1:],
    "Bob after Anna": f"{ANNA},{BOB}",
    "Bob before Anna": f"{BOB},{ANNA}",
    "Anna and a space": f"{ANNA} ",
    "Anna and a NUL": f"{ANNA}\0",
    "Anna in full-width digits": with_digits("\uff10", ANNA),
    "Anna and an invisible character": f"{ANNA[:4]}\u200b{ANNA[4:]}",
    "an asterisk": "*",
    "null": "null",
}


def other_callers() -> Iterator[Attempt]:
    """Yield each operation with the name of another caller."""
    for caller_name, caller in CALLER_NAMES.items():
        query = f"?caller={quoted(caller)}"
        yield get(f"list as {caller_name}", f"/tickets{query}", MISMATCH)
        yield get(f"get as {caller_name}", f"/tickets/{ID}{query}", MISMATCH)
        body = json_of(comment="Anna was here", caller=caller)
        yield comment(f"as {caller_name}", f"/tickets/{ID}", MISMATCH, body)
        yield create(f"as {caller_name}", new(caller_id=caller), MISMATCH)


def query_parameters() -> Iterator[Attempt]:
    """Yield queries that name Bob and Anna, or that name Bob in an unknown parameter."""
    anna, bob = quoted(ANNA), quoted(BOB)
    for query, list_outcome, ticket_outcome in (
        ("", OWN_LIST, NOT_FOUND),
        (f"caller={anna}", OWN_LIST, NOT_FOUND),
        (f"caller={anna}&caller={bob}", invalid("caller"), invalid("caller")),
        (f"caller={bob}&caller={anna}", invalid("caller"), invalid("caller")),
        (f"caller={anna}&c%61ller={bob}", invalid("caller"), invalid("caller")),
        (f"caller={anna};caller={bob}", MISMATCH, MISMATCH),
        (f"caller={anna}%26caller={bob}", MISMATCH, MISMATCH),
        ("caller=", invalid("caller"), invalid("caller")),
        ("caller", invalid("caller"), invalid("caller")),
        ("caller=%20", invalid("caller"), invalid("caller")),
        ("caller=%E3%80%80", invalid("caller"), invalid("caller")),
        (f"caller=%00{'x' * 100}", invalid("caller"), invalid("caller")),
        (f"caller[]={bob}", OWN_LIST, NOT_FOUND),
        (f"caller[0]={bob}", OWN_LIST, NOT_FOUND),
        (f"Caller={bob}", OWN_LIST, NOT_FOUND),
        (f"CALLER={bob}", OWN_LIST, NOT_FOUND),
        (f"caller_id={bob}", OWN_LIST, NOT_FOUND),
        (f"callerId={bob}", OWN_LIST, NOT_FOUND),
        (f"caller%00={bob}", OWN_LIST, NOT_FOUND),
        (f"%20caller={bob}", OWN_LIST, NOT_FOUND),
        (f";caller={bob}", OWN_LIST, NOT_FOUND),
        (f"X-Caller-Id={bob}", OWN_LIST, NOT_FOUND),
        ("comments=all", OWN_LIST, NOT_FOUND),
        ("comments=latest", OWN_LIST, NOT_FOUND),
        ("comments=none", OWN_LIST, NOT_FOUND),
        ("comments=some", invalid("comments"), invalid("comments")),
        ("status=open", OWN_LIST, NOT_FOUND),
        ("status=closed", EMPTY_LIST, NOT_FOUND),
        ("limit=100", OWN_LIST, NOT_FOUND),
        ("limit=1000", invalid("limit"), NOT_FOUND),
    ):
        yield get(f"list ?{query}", f"/tickets?{query}", list_outcome)
        yield get(f"get ?{query}", f"/tickets/{ID}?{query}", ticket_outcome)


def request_bodies() -> Iterator[Attempt]:
    """Yield bodies that name Bob and Anna, or that name Bob in an unknown field."""
    for label, body, outcome in (
        ("no caller", new(), OWN_TICKET),
        ("null", new(caller_id=None), OWN_TICKET),
        ("an empty text", new(caller_id=""), invalid("caller_id")),
        ("white space", new(caller_id=" \u3000"), invalid("caller_id")),
        ("a list", new(caller_id=[BOB]), invalid("caller_id")),
        ("a list of both", new(caller_id=[ANNA_FILING, BOB]), invalid("caller_id")),
        ("an object", new(caller_id={"S": BOB}), invalid("caller_id")),
        ("an operator", new(caller_id={"$ne": ""}), invalid("caller_id")),
        ("a number", new(caller_id=int(BOB)), invalid("caller_id")),
        ("true", new(caller_id=True), invalid("caller_id")),
        ("Anna, then Bob", duplicate_field(ANNA_FILING, BOB), invalid("caller_id")),
        ("Bob, then Anna", duplicate_field(BOB, ANNA_FILING), invalid("caller_id")),
        (
            "Bob under an escaped name",
            duplicate_field(ANNA_FILING, BOB, "caller\\u005fid"),
            invalid("caller_id"),
        ),
        ("Bob as `caller`", new(caller=BOB), OWN_TICKET),
        ("Bob as `callerId`", new(callerId=BOB), OWN_TICKET),
        ("Bob as `Caller_Id`", new(Caller_Id=BOB), OWN_TICKET),
        ("Bob as `CALLER_ID`", new(CALLER_ID=BOB), OWN_TICKET),
        ("Bob as `caller_id` and a NUL", new(**{"caller_id\0": BOB}), OWN_TICKET),
        ("Bob as `X-Caller-Id`", new(**{"X-Caller-Id": BOB}), OWN_TICKET),
        ("Bob in an object", new(ticket={"caller_id": BOB}), OWN_TICKET),
        ("Bob in a prototype", new(__proto__={"caller_id": BOB}), OWN_TICKET),
        ("the id of Bob's ticket", new(ticket_id=ID, ticket_number=WRITTEN), OWN_TICKET),
        ("two objects", new() + new(caller_id=BOB), INVALID_BODY),
        ("a list of objects", b"[%s]" % new(caller_id=BOB), INVALID_BODY),
        ("a form", f"issue_description=x&caller_id={quoted(BOB)}".encode(), INVALID_BODY),
    ):
        yield create(label, body, outcome)
    yield create("Bob in the query", new(), OWN_TICKET, query=f"?caller_id={quoted(BOB)}")
    yield create("Bob as `caller` in the query", new(), OWN_TICKET, query=f"?caller={quoted(BOB)}")
    path = f"/tickets/{ID}"
    for label, fields, outcome in (
        ("as Anna", {"caller": ANNA}, NOT_FOUND),
        ("null", {"caller": None}, NOT_FOUND),
        ("an empty text", {"caller": ""}, invalid("caller")),
        ("a list", {"caller": [BOB]}, invalid("caller")),
        ("an object", {"caller": {"S": BOB}}, invalid("caller")),
        ("Bob as `caller_id`", {"caller_id": BOB}, NOT_FOUND),
        ("Bob as `Caller`", {"Caller": BOB}, NOT_FOUND),
    ):
        yield comment(label, path, outcome, json_of(comment="Anna was here", **fields))
    body = f'{{"comment": "x", "caller": "{ANNA}", "c\\u0061ller": "{BOB}"}}'.encode()
    yield comment("Bob under an escaped name", path, invalid("caller"), body)
    elsewhere = json_of(comment="Anna was here", ticket_id=ID, ticket_number=WRITTEN)
    yield comment("Bob's ticket in the body", "/tickets/nobodys", NOT_FOUND, elsewhere)
    for target, outcome in ((f"/tickets/{ID}", NOT_FOUND), ("/tickets", OWN_LIST)):
        label = f"GET {target}, Bob in the body"
        yield Attempt(label, "GET", target, [AS_ANNA], json_of(caller=BOB), outcome)


# Headers that clients send besides X-Caller-Id, and that the app must ignore.
ADDITIONAL_HEADERS: dict[str, Pairs] = {
    "X_Caller_Id": [("X_Caller_Id", quoted(BOB))],
    "x_caller_id": [("x_caller_id", quoted(BOB))],
    "X-Caller_Id": [("X-Caller_Id", quoted(BOB))],
    "HTTP_X_CALLER_ID": [("HTTP_X_CALLER_ID", quoted(BOB))],
    "X-Caller": [("X-Caller", BOB), ("Caller-Id", BOB), ("Caller", BOB), ("From", BOB)],
    "X-Caller-Id-": [("X-Caller-Id-", BOB), ("X--Caller-Id", BOB), ("-X-Caller-Id", BOB)],
    "Cookie": [("Cookie", f"caller={BOB}; X-Caller-Id={BOB}")],
    "X-Forwarded-User": [("X-Forwarded-User", BOB), ("X-Remote-User", BOB)],
    "X-Forwarded-Prefix": [("X-Forwarded-Prefix", f"/tickets/{ID}"), ("X-Forwarded-Host", BOB)],
    "X-Original-URL": [("X-Original-URL", f"/tickets/{ID}"), ("X-Rewrite-URL", f"/tickets/{ID}")],
    "X-Original-URI": [("X-Original-URI", f"/tickets?caller={quoted(BOB)}")],
    "X-HTTP-Method-Override": [("X-HTTP-Method-Override", "GET"), ("X-Method-Override", "GET")],
    "Connection": [("Connection", "close, X-Caller-Id")],
}
# Invalid or manipulated values of the platform's X-Caller-Id header.
INVALID_HEADERS: dict[str, Pairs] = {
    "two headers, Anna then Bob": [AS_ANNA, ("X-Caller-Id", quoted(BOB))],
    "two headers, Bob then Anna": [("X-Caller-Id", quoted(BOB)), AS_ANNA],
    "Anna twice": [AS_ANNA, AS_ANNA],
    "Bob in lower case": [AS_ANNA, ("x-caller-id", quoted(BOB))],
    "Bob in lower case first": [("x-caller-id", quoted(BOB)), AS_ANNA],
    "Bob in capitals": [AS_ANNA, ("X-CALLER-ID", quoted(BOB))],
    "Anna and an empty value": [AS_ANNA, ("x-caller-id", "")],
    "both, with a comma": [("X-Caller-Id", f"{ANNA},{BOB}")],
    "both, with a comma and a space": [("X-Caller-Id", f"{ANNA}, {BOB}")],
    "both, with a space": [("X-Caller-Id", f"{ANNA} {BOB}")],
    "empty": [("X-Caller-Id", "")],
    "only white space": [("X-Caller-Id", "%20%09")],
    "a lone percent sign": [("X-Caller-Id", "%")],
    "an incomplete percent-encoding": [("X-Caller-Id", "%2")],
    "not UTF-8": [("X-Caller-Id", "%FF")],
    "an overlong plus": [("X-Caller-Id", f"%C0%AB{BOB[1:]}")],
    "half of a surrogate pair": [("X-Caller-Id", "%ED%A0%80")],
    "not percent-encoded": [("X-Caller-Id", "\u00e9")],
    "too long": [("X-Caller-Id", "x" * 101)],
}
# Valid caller ids that belong to no caller.
UNKNOWN_CALLERS = {
    "Bob, percent-encoded twice": quoted(quoted(BOB)),
    "Bob and a NUL": f"{quoted(BOB)}%00",
    "Bob and a space": f"{quoted(BOB)}%20",
    "Bob in full-width digits": quoted(with_digits("\uff10", BOB)),
    "both, the comma percent-encoded": quoted(f"{ANNA},{BOB}"),
    "both, with a semicolon": f"{quoted(ANNA)};{quoted(BOB)}",
    "a header in the header": quoted(f"{ANNA}\r\nX-Caller-Id: {BOB}"),
    "an asterisk": "*",
}


def additional_headers() -> Iterator[Attempt]:
    """Yield each operation with X-Caller-Id and headers that resemble it."""
    for label, added in ADDITIONAL_HEADERS.items():
        for order, (anna, creating) in {
            f"{label} after": ([AS_ANNA, *added], [AS_ANNA_FILING, *added]),
            f"{label} before": ([*added, AS_ANNA], [*added, AS_ANNA_FILING]),
        }.items():
            yield from _each_operation(order, anna, OWN_LIST, NOT_FOUND)
            yield Attempt(f"create, {order}", "POST", "/tickets", creating, new(), OWN_TICKET)


def invalid_headers() -> Iterator[Attempt]:
    """Yield each operation with an invalid X-Caller-Id header."""
    for label, headers in INVALID_HEADERS.items():
        outcome = invalid("X-Caller-Id")
        yield from _each_operation(label, headers, outcome, outcome)
        yield Attempt(f"create, {label}", "POST", "/tickets", headers, new(), outcome)
    for caller_name, header in UNKNOWN_CALLERS.items():
        yield from _each_operation(caller_name, [("X-Caller-Id", header)], EMPTY_LIST, NOT_FOUND)
    # API Gateway does not pass these two on.
    folded = [("X-Caller-Id", f"{quoted(ANNA)}\r\n {quoted(BOB)}")]
    yield Attempt(
        "list, folded", "GET", "/tickets", folded, b"", invalid("X-Caller-Id"), event=False
    )
    null = [("X-Caller-Id", f"{quoted(BOB)}\0")]
    yield Attempt("list, a NUL", "GET", "/tickets", null, b"", invalid("X-Caller-Id"), event=False)


def _each_operation(
    label: str, headers: Pairs, list_outcome: Outcome, ticket_outcome: Outcome
) -> Iterator[Attempt]:
    yield Attempt(f"list, {label}", "GET", "/tickets", headers, b"", list_outcome)
    yield Attempt(f"get, {label}", "GET", f"/tickets/{ID}", headers, b"", ticket_outcome)
    path = f"/tickets/{ID}/comments"
    yield Attempt(f"comment, {label}", "POST", path, headers, COMMENT, ticket_outcome)


def _cursor(caller: str, place: str, status: str = "") -> str:
    # `cursors` uses the same checksum. It needs no secret, so a client can compute it.
    checked = "\0".join(["caller_id", caller, status, "newest", place])
    checksum = hashlib.sha256(checked.encode()).digest()[: cursors.CHECK_BYTES]
    return urlsafe_b64encode(checksum + place.encode()).decode()


def foreign_cursors() -> Iterator[Attempt]:
    """Yield lists that continue at a cursor of Bob's list."""
    place = f"{BOBS_TIME}\0{ID}"
    bobs, bobs_open = (
        cursors.after(BOBS_TICKET, "caller_id", BOB, status, "newest") for status in (None, "open")
    )
    last_key = json_of(caller_id=BOB, created_at=BOBS_TIME, ticket_id=ID)
    for label, query, outcome in (
        ("Bob's", bobs, invalid("cursor")),
        ("Bob's, and Anna named", f"{bobs}&caller={quoted(ANNA)}", invalid("cursor")),
        ("Bob's, and Bob named", f"{bobs}&caller={quoted(BOB)}", MISMATCH),
        ("Bob's with a status", bobs_open, invalid("cursor")),
        ("Bob's with a status, and that status", f"{bobs_open}&status=open", invalid("cursor")),
        ("Bob's without a status, and a status", f"{bobs}&status=open", invalid("cursor")),
        ("Bob's, altered", f"B{bobs[1:]}", invalid("cursor")),
        ("Bob's, cut short", bobs[:-4], invalid("cursor")),
        ("Bob's, longer", f"{bobs}AAAA", invalid("cursor")),
        ("Bob's, without its checksum", bobs[12:], invalid("cursor")),
        ("Bob's, twice", f"{bobs}&cursor={bobs}", invalid("cursor")),
        ("Bob's place, Anna's checksum", _cursor(ANNA, place), OWN_LIST),
        (
            "Bob's place with a status, Anna's checksum",
            f"{_cursor(ANNA, place, 'open')}&status=open",
            OWN_LIST,
        ),
        (
            "Bob's place with another status, Anna's checksum",
            f"{_cursor(ANNA, place, 'open')}&status=closed",
            invalid("cursor"),
        ),
        ("Bob's place, a checksum for no caller", _cursor("", place), invalid("cursor")),
        ("another place of Bob's, Anna's checksum", _cursor(ANNA, f"{BOBS_TIME}\0{BOB}"), OWN_LIST),
        ("Bob in the place", _cursor(ANNA, f"{place}\0{BOB}"), invalid("cursor")),
        ("Bob as the place", _cursor(ANNA, BOB), invalid("cursor")),
        ("Bob in the checksum", _cursor(f"{ANNA}\0{BOB}", place), invalid("cursor")),
        ("no place, Anna's checksum", _cursor(ANNA, ""), invalid("cursor")),
        ("a place in the far future", _cursor(ANNA, f"9\0{ID}"), OWN_LIST),
        ("DynamoDB's key", quoted(last_key.decode()), invalid("cursor")),
        (
            "DynamoDB's key in Base64",
            quoted(urlsafe_b64encode(last_key).decode()),
            invalid("cursor"),
        ),
        ("the id", ID, invalid("cursor")),
        ("an asterisk", "*", invalid("cursor")),
    ):
        yield get(f"list, cursor: {label}", f"/tickets?cursor={query}", outcome)


def idempotency_keys() -> Iterator[Attempt]:
    """Yield writes with Bob's idempotency keys."""
    fields = {"issue_description": BOBS_TEXT, "idempotency_key": BOBS_KEY}
    in_header = ("Idempotency-Key", BOBS_KEY)
    yield create("Bob's key", new(idempotency_key=BOBS_KEY), OWN_TICKET)
    yield create("Bob's key in the header", new(), OWN_TICKET, in_header)
    yield create("Bob's key in both", new(idempotency_key=BOBS_KEY), OWN_TICKET, in_header)
    yield create(
        "Bob's key, another key in the header",
        json_of(**fields),
        invalid("idempotency_key"),
        ("Idempotency-Key", "another"),
    )
    yield create("Bob's key and name", json_of(**fields, caller_id=BOB), MISMATCH)
    yield create("Bob's name in the key", new(idempotency_key=f"{BOB}\0{BOBS_KEY}"), OWN_TICKET)
    yield create("the id as the key", new(idempotency_key=ID), OWN_TICKET)
    twin = json_of(issue_description=BOBS_TEXT, idempotency_key=TWIN_KEY)
    yield create("the key and text of Bob's twin ticket", twin, OWN_TICKET)
    path, key = f"/tickets/{ID}", BOBS_COMMENT_KEY
    in_header = ("Idempotency-Key", key)
    for label, text in (("Bob's text", BOBS_COMMENT), ("another text", "Anna was here")):
        under_key = json_of(comment=text, idempotency_key=key)
        yield comment(f"Bob's key and {label}", path, NOT_FOUND, under_key)
        yield comment(
            f"Bob's key in the header and {label}",
            path,
            NOT_FOUND,
            json_of(comment=text),
            in_header,
        )
        yield comment(f"Bob's key in both and {label}", path, NOT_FOUND, under_key, in_header)
        yield comment(
            f"Bob's key and {label}, by number", f"/tickets/{NUMBER}", NOT_FOUND, under_key
        )
        yield comment(
            f"Bob's key and {label}, an old ticket", f"/tickets/{OLD_ID}", NOT_FOUND, under_key
        )


def conditional_requests() -> Iterator[Attempt]:
    """Yield conditional requests that would reveal the state of Bob's ticket."""
    for name, value in (
        ("If-None-Match", ETAG),
        ("If-None-Match", "*"),
        ("If-None-Match", f"W/{ETAG}"),
        ("If-None-Match", f'"x", {ETAG}'),
        ("If-None-Match", '"x"'),
        ("If-Match", ETAG),
        ("If-Match", "*"),
        ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("If-Unmodified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("Range", "bytes=0-9"),
    ):
        headers = [AS_ANNA, (name, value)]
        for method in ("GET", "HEAD"):
            label = f"{method} {name}: {value}"
            yield Attempt(label, method, f"/tickets/{ID}", headers, b"", NOT_FOUND)
    variant = f"/tickets/{ID}?comments=none"
    yield get("If-None-Match: * of a variant", variant, NOT_FOUND, ("If-None-Match", "*"))
