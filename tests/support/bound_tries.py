"""What a request bound to one caller may try, to get at another's tickets. A table.

Every request is Anna's, by the platform's word. Bob's tickets are what she tries to see, to list,
to comment on or to file.
"""

from __future__ import annotations

import hashlib
import json
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
    BOBS_TICKET,
    BOBS_TIME,
    BOBS_WORDS,
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


class Refusal(NamedTuple):
    """How a try ends: its status, and the code and the field of an error, or what is there."""

    status: int
    code: str
    field: str = ""


MISMATCH = Refusal(403, "caller_mismatch")
NOT_FOUND = Refusal(404, "ticket_not_found")
NO_OPERATION = Refusal(404, "no_such_operation")
MISHEARD = Refusal(400, "misheard_number")
NO_OBJECT = Refusal(400, "invalid_body")
OWN_LIST = Refusal(200, "Anna's one ticket")
EMPTY_LIST = Refusal(200, "an empty list")
OWN_TICKET = Refusal(201, "a new ticket of Anna's")


def bad(field: str) -> Refusal:
    return Refusal(400, "invalid_field", field)


class Try(NamedTuple):
    """A request, how it is refused, and whether an event of API Gateway's may be like it."""

    what: str
    method: str
    target: str
    headers: Pairs
    body: bytes
    refusal: Refusal
    event: bool = True


AS_ANNA = ("X-Caller-Id", quoted(ANNA))
AS_ANNA_FILING = ("X-Caller-Id", quoted(ANNA_FILING))

COMMENT = b'{"comment": "Anna was here"}'
CHANGE = b'{"status": "closed", "comment": "Anna was here"}'


def tries() -> Iterator[Try]:
    """Yield the whole table. `mcp_tries` makes calls of tools out of much of it."""
    yield from references(LEADING, NOT_FOUND)
    yield from references(MISLEADING, NOT_FOUND)
    yield from references(NO_NUMBER, MISHEARD)
    yield from paths()
    yield from names_of_others()
    yield from parameters()
    yield from bodies()
    yield from headers_beside()
    yield from spoilt_headers()
    yield from cursors_of_others()
    yield from keys()
    yield from conditions()


def get(what: str, target: str, refusal: Refusal, *more: tuple[str, str], **options: Any) -> Try:
    return Try(what, "GET", target, [AS_ANNA, *more], b"", refusal, **options)


def comment(what: str, path: str, refusal: Refusal, body: bytes = COMMENT, *more: Any) -> Try:
    return Try(f"comment, {what}", "POST", f"{path}/comments", [AS_ANNA, *more], body, refusal)


def create(what: str, body: bytes, refusal: Refusal, *more: Any, query: str = "") -> Try:
    target = f"/tickets{query}"
    return Try(f"create, {what}", "POST", target, [AS_ANNA_FILING, *more], body, refusal)


def json_of(**fields: Any) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def new(**fields: Any) -> bytes:
    return json_of(issue_description="Anna's door is shut", **fields)


def twice(first: str, second: str, name: str = "caller_id") -> bytes:
    return f'{{"issue_description": "x", "caller_id": "{first}", "{name}": "{second}"}}'.encode()


def in_hex(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def digits_from(zero: str, text: str) -> str:
    return "".join(chr(ord(zero) + int(each)) if each.isdigit() else each for each in text)


# How a ticket of Bob's may be written in a path. These lead to it, if it is one's own.
LEADING = {
    "the id": ID,
    "the id of an old ticket": OLD_ID,
    "the id of another ticket": TWIN_ID,
    "the id, percent-encoded": in_hex(ID),
    "the id, its first character percent-encoded": in_hex(ID[0]) + ID[1:],
    "the id, its dashes percent-encoded": ID.replace("-", "%2d"),
    "the number": NUMBER,
    "the number, as written": WRITTEN,
    "the number, as spoken": quote(SPOKEN),
    "the number with spaces": WRITTEN.replace("-", "%20"),
    "the number with dots": WRITTEN.replace("-", "."),
    "the number with commas": WRITTEN.replace("-", ","),
    "the number, percent-encoded": in_hex(NUMBER),
    "the number, as written, percent-encoded": in_hex(WRITTEN),
    "the number, white space around it": f"%20{NUMBER}%20",
    "the number, each digit apart": "-".join(NUMBER),
    "the number, dashes around it": f"-{WRITTEN}-",
}
# These lead nowhere.
MISLEADING = {
    "the id, in capitals": ID.upper(),
    "the id without dashes": ID.replace("-", ""),
    "the id in braces": f"%7B{ID}%7D",
    "the id as a URN": f"urn:uuid:{ID}",
    "the id, percent-encoded twice": in_hex(ID).replace("%", "%25"),
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
    "the id and a star": f"{ID}*",
    "the id in quotation marks": f"%22{ID}%22",
    "the id and an injection": f"{ID}%27%20OR%20%271%27=%271",
    "the id and a backslash": f"{ID}%5C",
    "the id, and that of Anna's ticket": f"{ANNAS_TICKET.ticket_id},{ID}",
    "a part of the id": ID[:-1],
    "a wildcard": "*",
    "the number in Arabic digits": quote(digits_from("\u0660", NUMBER)),
    "the number in full-width digits": quote(digits_from("\uff10", NUMBER)),
    "the number in Devanagari digits": quote(digits_from("\u0966", WRITTEN)),
    "the number with hyphens of another kind": WRITTEN.replace("-", quote("\u2011")),
    "the number and a NUL": f"{NUMBER}%00",
    "the number after a sign": f"%23{NUMBER}",
    "the number as a fraction": f"{NUMBER}.0e0",
    "the number three times": NUMBER * 3,
    "the id of Bob's comment": COMMENT_ID,
    "Bob": quoted(BOB)[3:] + "x",
}
# These can be no number.
NO_NUMBER = {
    "the number and a digit": f"{NUMBER}0",
    "the number after a zero": f"0{NUMBER}",
    "the number twice": NUMBER * 2,
    "the number without its last digit": NUMBER[:-1],
    "the number with another last digit": NUMBER[:-1] + str((int(NUMBER[-1]) + 1) % 10),
}


def references(forms: dict[str, str], refusal: Refusal) -> Iterator[Try]:
    """Yield a read, a HEAD and a comment for each way in which a ticket may be written."""
    for what, reference in forms.items():
        path = f"/tickets/{reference}"
        yield get(f"get, {what}", path, refusal)
        yield Try(f"head, {what}", "HEAD", path, [AS_ANNA], b"", refusal)
        yield comment(what, path, refusal)


def paths() -> Iterator[Try]:
    """Yield what looks like a path of an operation."""
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
        yield get(f"get {path}", path, NO_OPERATION)
    # Events are sent with an agent's key, which has no PATCH at all.
    yield Try("PATCH", "PATCH", f"/tickets/{ID}", [AS_ANNA], CHANGE, NOT_FOUND, event=False)
    for method in ("PUT", "DELETE", "OPTIONS", "POST", "TRACE", "QUERY"):
        yield Try(f"{method} the id", method, f"/tickets/{ID}", [AS_ANNA], COMMENT, NO_OPERATION)
    yield comment("an encoded slash before it", f"/tickets/%2F{ID}", NO_OPERATION)
    yield comment("two slashes before it", f"/tickets//{ID}", NO_OPERATION)
    yield comment("dot segments", f"/tickets/x/../{ID}", NO_OPERATION)
    encoded = f"/tickets/{ID}%2Fcomments"
    yield Try("comment, an encoded slash", "POST", encoded, [AS_ANNA], COMMENT, NOT_FOUND)
    yield get("get, the id as a parameter", f"/tickets/?ticket_id={ID}", bad("ticket_id"))
    yield get("list, the id as a parameter", f"/tickets?ticket_id={ID}", OWN_LIST)
    yield get("two slashes in front", f"//tickets/{ID}", NOT_FOUND)
    # API Gateway hands on neither.
    yield get("a whole URL", f"http://127.0.0.1/tickets/{ID}", NOT_FOUND, event=False)
    yield get("a fragment", f"/tickets/{ID}#x", NOT_FOUND, event=False)


# Whom else a request may name, and who looks like Anna.
OTHERS = {
    "Bob": BOB,
    "Bob and a space": f"{BOB} ",
    "a space and Bob": f" {BOB}",
    "Bob and a NUL": f"{BOB}\0",
    "Bob and a line feed": f"{BOB}\n",
    "Bob in full-width digits": digits_from("\uff10", BOB),
    "Bob, percent-encoded twice": quoted(BOB),
    "Bob without a plus": BOB[1:],
    "Bob after Anna": f"{ANNA},{BOB}",
    "Bob before Anna": f"{BOB},{ANNA}",
    "Anna and a space": f"{ANNA} ",
    "Anna and a NUL": f"{ANNA}\0",
    "Anna in full-width digits": digits_from("\uff10", ANNA),
    "Anna, unseen characters in her": f"{ANNA[:4]}\u200b{ANNA[4:]}",
    "a star": "*",
    "null": "null",
}


def names_of_others() -> Iterator[Try]:
    """Yield each operation in another's name."""
    for who, caller in OTHERS.items():
        query = f"?caller={quoted(caller)}"
        yield get(f"list as {who}", f"/tickets{query}", MISMATCH)
        yield get(f"get as {who}", f"/tickets/{ID}{query}", MISMATCH)
        body = json_of(comment="Anna was here", caller=caller)
        yield comment(f"as {who}", f"/tickets/{ID}", MISMATCH, body)
        yield create(f"as {who}", new(caller_id=caller), MISMATCH)


def parameters() -> Iterator[Try]:
    """Yield queries that name Bob besides Anna, or where no caller is looked for."""
    anna, bob = quoted(ANNA), quoted(BOB)
    for query, listed, found in (
        ("", OWN_LIST, NOT_FOUND),
        (f"caller={anna}", OWN_LIST, NOT_FOUND),
        (f"caller={anna}&caller={bob}", bad("caller"), bad("caller")),
        (f"caller={bob}&caller={anna}", bad("caller"), bad("caller")),
        (f"caller={anna}&c%61ller={bob}", bad("caller"), bad("caller")),
        (f"caller={anna};caller={bob}", MISMATCH, MISMATCH),
        (f"caller={anna}%26caller={bob}", MISMATCH, MISMATCH),
        ("caller=", bad("caller"), bad("caller")),
        ("caller", bad("caller"), bad("caller")),
        ("caller=%20", bad("caller"), bad("caller")),
        ("caller=%E3%80%80", bad("caller"), bad("caller")),
        (f"caller=%00{'x' * 100}", bad("caller"), bad("caller")),
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
        ("comments=some", bad("comments"), bad("comments")),
        ("status=open", OWN_LIST, NOT_FOUND),
        ("status=closed", EMPTY_LIST, NOT_FOUND),
        ("limit=100", OWN_LIST, NOT_FOUND),
        ("limit=1000", bad("limit"), NOT_FOUND),
    ):
        yield get(f"list ?{query}", f"/tickets?{query}", listed)
        yield get(f"get ?{query}", f"/tickets/{ID}?{query}", found)


def bodies() -> Iterator[Try]:
    """Yield bodies that name Bob besides Anna, or where no caller is looked for."""
    for what, body, refusal in (
        ("nobody named", new(), OWN_TICKET),
        ("null", new(caller_id=None), OWN_TICKET),
        ("an empty text", new(caller_id=""), bad("caller_id")),
        ("white space", new(caller_id=" \u3000"), bad("caller_id")),
        ("a list", new(caller_id=[BOB]), bad("caller_id")),
        ("a list of both", new(caller_id=[ANNA_FILING, BOB]), bad("caller_id")),
        ("an object", new(caller_id={"S": BOB}), bad("caller_id")),
        ("an operator", new(caller_id={"$ne": ""}), bad("caller_id")),
        ("a number", new(caller_id=int(BOB)), bad("caller_id")),
        ("true", new(caller_id=True), bad("caller_id")),
        ("Anna, then Bob", twice(ANNA_FILING, BOB), bad("caller_id")),
        ("Bob, then Anna", twice(BOB, ANNA_FILING), bad("caller_id")),
        ("Bob under an escaped name", twice(ANNA_FILING, BOB, "caller\\u005fid"), bad("caller_id")),
        ("Bob as `caller`", new(caller=BOB), OWN_TICKET),
        ("Bob as `callerId`", new(callerId=BOB), OWN_TICKET),
        ("Bob as `Caller_Id`", new(Caller_Id=BOB), OWN_TICKET),
        ("Bob as `CALLER_ID`", new(CALLER_ID=BOB), OWN_TICKET),
        ("Bob as `caller_id` and a NUL", new(**{"caller_id\0": BOB}), OWN_TICKET),
        ("Bob as `X-Caller-Id`", new(**{"X-Caller-Id": BOB}), OWN_TICKET),
        ("Bob in an object", new(ticket={"caller_id": BOB}), OWN_TICKET),
        ("Bob in a prototype", new(__proto__={"caller_id": BOB}), OWN_TICKET),
        ("the id of Bob's ticket", new(ticket_id=ID, ticket_number=WRITTEN), OWN_TICKET),
        ("two objects", new() + new(caller_id=BOB), NO_OBJECT),
        ("a list of objects", b"[%s]" % new(caller_id=BOB), NO_OBJECT),
        ("a form", f"issue_description=x&caller_id={quoted(BOB)}".encode(), NO_OBJECT),
    ):
        yield create(what, body, refusal)
    yield create("Bob in the query", new(), OWN_TICKET, query=f"?caller_id={quoted(BOB)}")
    yield create("Bob as `caller` in the query", new(), OWN_TICKET, query=f"?caller={quoted(BOB)}")
    path = f"/tickets/{ID}"
    for what, fields, refusal in (
        ("as Anna", {"caller": ANNA}, NOT_FOUND),
        ("null", {"caller": None}, NOT_FOUND),
        ("an empty text", {"caller": ""}, bad("caller")),
        ("a list", {"caller": [BOB]}, bad("caller")),
        ("an object", {"caller": {"S": BOB}}, bad("caller")),
        ("Bob as `caller_id`", {"caller_id": BOB}, NOT_FOUND),
        ("Bob as `Caller`", {"Caller": BOB}, NOT_FOUND),
    ):
        yield comment(what, path, refusal, json_of(comment="Anna was here", **fields))
    body = f'{{"comment": "x", "caller": "{ANNA}", "c\\u0061ller": "{BOB}"}}'.encode()
    yield comment("Bob under an escaped name", path, bad("caller"), body)
    elsewhere = json_of(comment="Anna was here", ticket_id=ID, ticket_number=WRITTEN)
    yield comment("Bob's ticket in the body", "/tickets/nobodys", NOT_FOUND, elsewhere)
    for target, refusal in ((f"/tickets/{ID}", NOT_FOUND), ("/tickets", OWN_LIST)):
        what = f"GET {target}, Bob in its body"
        yield Try(what, "GET", target, [AS_ANNA], json_of(caller=BOB), refusal)


# Whose header is there too, and does not count.
BESIDE: dict[str, Pairs] = {
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
# What the header of the platform's may look like after somebody had a hand in it.
SPOILT: dict[str, Pairs] = {
    "Anna, then Bob there": [AS_ANNA, ("X-Caller-Id", quoted(BOB))],
    "Bob, then Anna there": [("X-Caller-Id", quoted(BOB)), AS_ANNA],
    "Anna twice": [AS_ANNA, AS_ANNA],
    "Bob in lower case": [AS_ANNA, ("x-caller-id", quoted(BOB))],
    "Bob in lower case first": [("x-caller-id", quoted(BOB)), AS_ANNA],
    "Bob in capitals": [AS_ANNA, ("X-CALLER-ID", quoted(BOB))],
    "an empty one too": [AS_ANNA, ("x-caller-id", "")],
    "both, with a comma": [("X-Caller-Id", f"{ANNA},{BOB}")],
    "both, with a comma and a space": [("X-Caller-Id", f"{ANNA}, {BOB}")],
    "both, with a space": [("X-Caller-Id", f"{ANNA} {BOB}")],
    "empty": [("X-Caller-Id", "")],
    "only white space": [("X-Caller-Id", "%20%09")],
    "a percent sign": [("X-Caller-Id", "%")],
    "no hexadecimal digits": [("X-Caller-Id", "%2")],
    "no UTF-8": [("X-Caller-Id", "%FF")],
    "an overlong plus": [("X-Caller-Id", f"%C0%AB{BOB[1:]}")],
    "half of a surrogate pair": [("X-Caller-Id", "%ED%A0%80")],
    "not percent-encoded": [("X-Caller-Id", "\u00e9")],
    "too long": [("X-Caller-Id", "x" * 101)],
}
# These are ids of callers, and of nobody.
NOBODY = {
    "Bob, percent-encoded twice": quoted(quoted(BOB)),
    "Bob and a NUL": f"{quoted(BOB)}%00",
    "Bob and a space": f"{quoted(BOB)}%20",
    "Bob in full-width digits": quoted(digits_from("\uff10", BOB)),
    "both, the comma percent-encoded": quoted(f"{ANNA},{BOB}"),
    "both, with a semicolon": f"{quoted(ANNA)};{quoted(BOB)}",
    "a header in the header": quoted(f"{ANNA}\r\nX-Caller-Id: {BOB}"),
    "a star": "*",
}


def headers_beside() -> Iterator[Try]:
    """Yield each operation with headers that may pass for the platform's, beside that."""
    for what, beside in BESIDE.items():
        for order, (anna, filing) in {
            f"{what} after": ([AS_ANNA, *beside], [AS_ANNA_FILING, *beside]),
            f"{what} before": ([*beside, AS_ANNA], [*beside, AS_ANNA_FILING]),
        }.items():
            yield from _each_operation(order, anna, OWN_LIST, NOT_FOUND)
            yield Try(f"create, {order}", "POST", "/tickets", filing, new(), OWN_TICKET)


def spoilt_headers() -> Iterator[Try]:
    """Yield each operation with the platform's header as it should not be."""
    for what, spoilt in SPOILT.items():
        refusal = bad("X-Caller-Id")
        yield from _each_operation(what, spoilt, refusal, refusal)
        yield Try(f"create, {what}", "POST", "/tickets", spoilt, new(), refusal)
    for who, header in NOBODY.items():
        yield from _each_operation(who, [("X-Caller-Id", header)], EMPTY_LIST, NOT_FOUND)
    # What API Gateway does not hand on.
    folded = [("X-Caller-Id", f"{quoted(ANNA)}\r\n {quoted(BOB)}")]
    yield Try("list, folded", "GET", "/tickets", folded, b"", bad("X-Caller-Id"), event=False)
    null = [("X-Caller-Id", f"{quoted(BOB)}\0")]
    yield Try("list, a NUL", "GET", "/tickets", null, b"", bad("X-Caller-Id"), event=False)


def _each_operation(what: str, sent: Pairs, listed: Refusal, found: Refusal) -> Iterator[Try]:
    yield Try(f"list, {what}", "GET", "/tickets", sent, b"", listed)
    yield Try(f"get, {what}", "GET", f"/tickets/{ID}", sent, b"", found)
    path = f"/tickets/{ID}/comments"
    yield Try(f"comment, {what}", "POST", path, sent, COMMENT, found)


def _signed(caller: str, place: str, status: str = "") -> str:
    # As `cursors` does, which is no secret.
    signed = "\0".join(["caller_id", caller, status, "newest", place])
    check = hashlib.sha256(signed.encode()).digest()[: cursors.CHECK_BYTES]
    return urlsafe_b64encode(check + place.encode()).decode()


def cursors_of_others() -> Iterator[Try]:
    """Yield lists that go on where Bob's would."""
    place = f"{BOBS_TIME}\0{ID}"
    bobs, bobs_open = (
        cursors.after(BOBS_TICKET, "caller_id", BOB, status, "newest") for status in (None, "open")
    )
    last_key = json_of(caller_id=BOB, created_at=BOBS_TIME, ticket_id=ID)
    for what, query, refusal in (
        ("Bob's", bobs, bad("cursor")),
        ("Bob's, and Anna named", f"{bobs}&caller={quoted(ANNA)}", bad("cursor")),
        ("Bob's, and Bob named", f"{bobs}&caller={quoted(BOB)}", MISMATCH),
        ("Bob's of a status", bobs_open, bad("cursor")),
        ("Bob's of a status, and that", f"{bobs_open}&status=open", bad("cursor")),
        ("Bob's, and a status", f"{bobs}&status=open", bad("cursor")),
        ("Bob's, altered", f"B{bobs[1:]}", bad("cursor")),
        ("Bob's, cut short", bobs[:-4], bad("cursor")),
        ("Bob's, longer", f"{bobs}AAAA", bad("cursor")),
        ("Bob's, without its check", bobs[12:], bad("cursor")),
        ("Bob's, twice", f"{bobs}&cursor={bobs}", bad("cursor")),
        ("Bob's place, signed for Anna", _signed(ANNA, place), OWN_LIST),
        ("that of a status", f"{_signed(ANNA, place, 'open')}&status=open", OWN_LIST),
        ("that of another status", f"{_signed(ANNA, place, 'open')}&status=closed", bad("cursor")),
        ("Bob's place, signed for all", _signed("", place), bad("cursor")),
        ("another place of Bob's", _signed(ANNA, f"{BOBS_TIME}\0{BOB}"), OWN_LIST),
        ("Bob in the place", _signed(ANNA, f"{place}\0{BOB}"), bad("cursor")),
        ("Bob as the place", _signed(ANNA, BOB), bad("cursor")),
        ("Bob in the check", _signed(f"{ANNA}\0{BOB}", place), bad("cursor")),
        ("no place, signed for Anna", _signed(ANNA, ""), bad("cursor")),
        ("the end of time", _signed(ANNA, f"9\0{ID}"), OWN_LIST),
        ("DynamoDB's key", quoted(last_key.decode()), bad("cursor")),
        ("DynamoDB's key in Base64", quoted(urlsafe_b64encode(last_key).decode()), bad("cursor")),
        ("the id", ID, bad("cursor")),
        ("a star", "*", bad("cursor")),
    ):
        yield get(f"list, cursor: {what}", f"/tickets?cursor={query}", refusal)


def keys() -> Iterator[Try]:
    """Yield writes under the keys of Bob's."""
    words = {"issue_description": BOBS_WORDS, "idempotency_key": BOBS_KEY}
    in_header = ("Idempotency-Key", BOBS_KEY)
    yield create("Bob's key", new(idempotency_key=BOBS_KEY), OWN_TICKET)
    yield create("Bob's key in the header", new(), OWN_TICKET, in_header)
    yield create("Bob's key in both", new(idempotency_key=BOBS_KEY), OWN_TICKET, in_header)
    yield create(
        "Bob's key, others' in the header",
        json_of(**words),
        bad("idempotency_key"),
        ("Idempotency-Key", "another"),
    )
    yield create("Bob's key and name", json_of(**words, caller_id=BOB), MISMATCH)
    yield create("Bob's name in the key", new(idempotency_key=f"{BOB}\0{BOBS_KEY}"), OWN_TICKET)
    yield create("the id as the key", new(idempotency_key=ID), OWN_TICKET)
    of_twin = json_of(issue_description=BOBS_WORDS, idempotency_key=TWIN_KEY)
    yield create("Bob's number, key and words", of_twin, OWN_TICKET)
    path, key = f"/tickets/{ID}", BOBS_COMMENT_KEY
    in_header = ("Idempotency-Key", key)
    for what, text in (("Bob's words", BOBS_COMMENT), ("other words", "Anna was here")):
        under_key = json_of(comment=text, idempotency_key=key)
        yield comment(f"Bob's key and {what}", path, NOT_FOUND, under_key)
        yield comment(
            f"Bob's key in the header and {what}", path, NOT_FOUND, json_of(comment=text), in_header
        )
        yield comment(f"Bob's key in both and {what}", path, NOT_FOUND, under_key, in_header)
        yield comment(
            f"Bob's key and {what}, by number", f"/tickets/{NUMBER}", NOT_FOUND, under_key
        )
        yield comment(
            f"Bob's key and {what}, an old ticket", f"/tickets/{OLD_ID}", NOT_FOUND, under_key
        )


def conditions() -> Iterator[Try]:
    """Yield reads that depend on what Bob's ticket is like."""
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
        sent = [AS_ANNA, (name, value)]
        for method in ("GET", "HEAD"):
            what = f"{method} {name}: {value}"
            yield Try(what, method, f"/tickets/{ID}", sent, b"", NOT_FOUND)
    variant = f"/tickets/{ID}?comments=none"
    yield get("If-None-Match: * of a variant", variant, NOT_FOUND, ("If-None-Match", "*"))
