"""Attempts of a bound request to read, infer or write what only the desk may use.

The platform binds every request to Anna. The requests try to reach internal notes, summaries of
hand-overs, links between tickets, the lists of the desk, the canned answers and the notice. Each
request is sent with a key of each role, except that agents may not send PATCH.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from itsm_app.storage import items
from itsm_app.tickets import cursors, lists, places

from .bound_tries import (
    AS_ANNA,
    AS_ANNA_FILING,
    MISHEARD_NUMBER,
    MISMATCH,
    NO_SUCH_OPERATION,
    NOT_FOUND,
    OWN_LIST,
    OWN_TICKET,
    Attempt,
    Outcome,
    comment,
    create,
    get,
    invalid,
    json_of,
    new,
)
from .two_callers import (
    ANNAS_DESK_VERSION,
    ANNAS_NOTE_KEY,
    ANNAS_TICKET,
    ANNAS_WRITABLE_TICKET,
    BOB,
    BOBS_NOTE,
    BOBS_NOTE_KEY,
    BOBS_TICKET,
    ETAG,
    ID,
    NUMBER,
    OLD_ID,
    SPOKEN,
    TWIN_ID,
    WRITTEN,
    quoted,
)

OWN_READ = Outcome(200, "Anna's ticket")
OWN_COMMENT = Outcome(200, "a new comment of Anna")
OWN_CHANGE = Outcome(200, "a change of Anna's ticket")
DESK_ONLY = Outcome(403, "role_refused")
OUTDATED = Outcome(412, "changed_meanwhile")
ANNAS_ID = ANNAS_TICKET.ticket_id
OWN, WRITABLE = f"/tickets/{ANNAS_ID}", f"/tickets/{ANNAS_WRITABLE_TICKET.ticket_id}"
CANNED = items.CANNED_ANSWERS_KEY
NOTE = json_of(comment="Anna was here", visibility="internal")

# The attempts that the fast suite sends, as `bound_tries.ONE_PER_PATH`.
ONE_PER_PATH = {
    "own ?comments=latest",
    "own ?comments=internal",
    "own ?history=all",
    "desk ?handover=waiting",
    f"desk ?handover=waiting&caller={quoted(BOB)}",
    "desk ?status=waiting",
    "desk ?q=printer",
    "the canned answers",
    f"{OWN}/notes",
    "desk field created_by",
    "desk field handovers",
    "desk field follow_up_of",
    "desk field handover with more fields",
    "desk field handover as a text",
    "own, desk field visibility",
    "own, the key of a note",
    "own If-None-Match: the desk's version",
    "PATCH, a note on Bob's ticket",
    "PATCH, a note on Anna's ticket",
    "PATCH, duplicate of the number",
    "PATCH, duplicate of no ticket",
    "PATCH, If-Match: the desk's version",
    "cursor: the waiting tickets",
}


def attempts() -> Iterator[Attempt]:
    """Yield all attempts over HTTP. `mcp_tries` turns many of them into tool calls."""
    yield from own_reads()
    yield from desk_lists()
    yield from desk_cursors()
    yield from desk_paths()
    yield from new_tickets()
    yield from comments()
    yield from versions()
    yield from changes()


def own_reads() -> Iterator[Attempt]:
    """Yield reads of Anna's own ticket that ask for what only the desk sees."""
    for query, outcome in (
        ("", OWN_READ),
        ("comments=all", OWN_READ),
        ("comments=latest", OWN_READ),
        ("comments=none", OWN_READ),
        ("comments=internal", invalid("comments")),
        ("comments=notes", invalid("comments")),
        ("comments=latest&comments=all", invalid("comments")),
        ("history=all", OWN_READ),
        ("history=all&comments=latest", OWN_READ),
        ("History=all", OWN_READ),
        ("notes=all", OWN_READ),
        ("visibility=internal", OWN_READ),
        ("visibility=all&comments=all", OWN_READ),
        ("include=notes,handovers,duplicates", OWN_READ),
        ("fields=created_by", OWN_READ),
        ("expand=handover.summary", OWN_READ),
        ("handover=waiting", OWN_READ),
        ("handover=all", OWN_READ),
        ("view=waiting", OWN_READ),
        ("role=desk", OWN_READ),
    ):
        yield get(f"get, own ?{query}", f"{OWN}?{query}", outcome)
    for name, value in (
        ("X-Role", "desk"),
        ("X-Visibility", "internal"),
        ("X-HTTP-Method-Override", "PATCH"),
        ("Accept", "text/html"),
        ("Accept", "text/csv"),
        ("Prefer", "return=representation"),
        ("Cookie", "desk_session=anna.b; session=anna.b"),
        ("Sec-Fetch-Site", "same-origin"),
    ):
        yield get(f"get, own {name}: {value}", OWN, OWN_READ, (name, value))


# Queries of the desk's lists.
DESK_QUERIES = {
    "handover=waiting": OWN_LIST,
    "handover=waiting&limit=50": OWN_LIST,
    "handover=waiting&comments=all": OWN_LIST,
    "handover=taken": OWN_LIST,
    "handover=": OWN_LIST,
    "handover": OWN_LIST,
    "handover[]=waiting": OWN_LIST,
    "handover=waiting&handover=waiting": OWN_LIST,
    "Handover=waiting": OWN_LIST,
    "h%61ndover=waiting": OWN_LIST,
    "handover=waiting&status=open": OWN_LIST,
    f"handover=waiting&caller={quoted(BOB)}": MISMATCH,
    "handover=waiting&caller=": invalid("caller"),
    "handover=waiting&caller=*": MISMATCH,
    "status=waiting": invalid("status"),
    "status=unassigned": invalid("status"),
    "status=open&assignee=none": OWN_LIST,
    "status=open&assignee=carol.c": OWN_LIST,
    "status=open&priority=urgent": OWN_LIST,
    "status=open&order=newest": OWN_LIST,
    "status=open&order=oldest": OWN_LIST,
    "status=open&queue=waiting": OWN_LIST,
    "queue=waiting": OWN_LIST,
    "queue_position=0": OWN_LIST,
    "q=printer": OWN_LIST,
    "q=": OWN_LIST,
    "q=printer&q=desk": OWN_LIST,
    "q=printer&status=open": OWN_LIST,
    f"q=printer&caller={quoted(BOB)}": MISMATCH,
    "view=waiting": OWN_LIST,
    "view=mine&name=carol.c": OWN_LIST,
    "created_by=carol.c": OWN_LIST,
    f"duplicate_of={WRITTEN}": OWN_LIST,
    f"follow_up_of={WRITTEN}": OWN_LIST,
    "history=all": OWN_LIST,
    "comments=internal": invalid("comments"),
    "visibility=internal": OWN_LIST,
}


def desk_lists() -> Iterator[Attempt]:
    """Yield queries of the desk's lists."""
    for query, outcome in DESK_QUERIES.items():
        yield get(f"list, desk ?{query}", f"/tickets?{query}", outcome)


def desk_cursors() -> Iterator[Attempt]:
    """Yield Anna's list with cursors of the desk's lists."""
    place = "queue_position"
    for label, cursor in {
        "the waiting tickets": cursors.after(
            BOBS_TICKET, place, lists.BY_QUEUE, places.WAITING, None, "oldest"
        ),
        "the open tickets": cursors.after(BOBS_TICKET, place, lists.BY_STATUS_QUEUE, "open"),
        "the queue": cursors.after(BOBS_TICKET, "created_at", "status", "open", "oldest"),
    }.items():
        for query in ("", "&handover=waiting", "&status=open"):
            target = f"/tickets?cursor={cursor}{query}"
            yield get(f"list, cursor: {label}{query}", target, invalid("cursor"))


def desk_paths() -> Iterator[Attempt]:
    """Yield paths of the canned answers, of lists, and of parts of a ticket."""
    for label, reference in {
        "the canned answers": CANNED,
        "the canned answers, percent-encoded": CANNED.replace("-", "%2D"),
        "the canned answers, in capitals": CANNED.upper(),
        "the canned answers and a space": f"{CANNED}%20",
        "the canned answers and a NUL": f"{CANNED}%00",
        "the canned answers with an underscore": CANNED.replace("-", "_"),
        "the notice": items.NOTICE_KEY,
        "a queue": quoted(places.queue_of("carol.c")),
        "the waiting tickets": places.WAITING,
        "the hand-overs": "handovers",
    }.items():
        path = f"/tickets/{reference}"
        yield get(f"get, {label}", path, NOT_FOUND)
        yield Attempt(f"head, {label}", "HEAD", path, [AS_ANNA], b"", NOT_FOUND)
        yield comment(label, path, NOT_FOUND)
        yield change(f"PATCH {label}", path, NOT_FOUND, {"status": "closed"})
    for method in ("PUT", "DELETE", "OPTIONS", "POST", "QUERY"):
        label = f"{method} the canned answers"
        path = f"/tickets/{CANNED}"
        yield Attempt(label, method, path, [AS_ANNA], NOTE, NO_SUCH_OPERATION)
    for method in ("GET", "PUT", "DELETE"):
        body = json_of(text="Anna was here", minutes=5)
        yield Attempt(f"{method} /notice", method, "/notice", [AS_ANNA], body, DESK_ONLY)
    for path in (
        f"{OWN}/notes",
        f"{OWN}/history",
        f"{OWN}/handover",
        f"{OWN}/handovers",
        f"{OWN}/duplicates",
        f"{OWN}/follow_ups",
        f"{OWN}/comments?visibility=internal",
        f"/tickets/{ID}/notes",
        f"/tickets/{ID}/handovers",
        f"/tickets/{CANNED}/answers",
        "/canned-answers",
        "/handovers",
        "/queue",
    ):
        yield get(f"get {path}", path, NO_SUCH_OPERATION)


FULL_HANDOVER = {"reason": "x", "requested_by": BOB, "handover_id": ID, "status": "taken"}
# Fields of the desk in a body: the value, and the field of the error if the app reads the field.
DESK_FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "visibility": ({"visibility": "internal"}, ""),
    "author": ({"author": "carol.c"}, ""),
    "created_by": ({"created_by": "carol.c"}, ""),
    "status": ({"status": "closed", "priority": "urgent", "assignee": "carol.c"}, ""),
    "duplicate_of": ({"duplicate_of": WRITTEN}, ""),
    "duplicates": ({"duplicates": [WRITTEN]}, ""),
    "follow_up_of": ({"follow_up_of": WRITTEN}, ""),
    "follow_up_of an id": ({"follow_up_of": ID}, ""),
    "follow_up_of no ticket": ({"follow_up_of": "nobodys"}, ""),
    "follow_ups": ({"follow_ups": [WRITTEN]}, ""),
    "parent": ({"parent": WRITTEN, "children": [WRITTEN]}, ""),
    "history": ({"history": "all"}, ""),
    "notes": ({"notes": [{"comment_text": "x", "added_at": "x"}], "note_writes": 1}, ""),
    "handovers": ({"handovers": [FULL_HANDOVER], "handover_since": "1"}, ""),
    "queue": ({"queue": places.WAITING, "queue_position": "0"}, ""),
    "handover with more fields": ({"handover": FULL_HANDOVER}, ""),
    "handover as a text": ({"handover": places.WAITING}, "handover"),
    "handover as a list": ({"handover": [FULL_HANDOVER]}, "handover"),
    "handover with an object as summary": (
        {"handover": {"summary": {"S": "x"}}},
        "handover.summary",
    ),
}


def new_tickets() -> Iterator[Attempt]:
    """Yield new tickets with fields of the desk."""
    for label, (fields, field) in DESK_FIELDS.items():
        outcome = invalid(field) if field else OWN_TICKET
        yield create(f"desk field {label}", new(**fields), outcome)


def comments() -> Iterator[Attempt]:
    """Yield comments with fields of the desk, or with the idempotency key of a note."""
    for label, (fields, field) in DESK_FIELDS.items():
        body = json_of(comment="Anna was here", **fields)
        outcome = invalid(field) if field else OWN_COMMENT
        yield own_comment(f"own, desk field {label}", body, outcome)
        outcome = invalid(field) if field else NOT_FOUND
        yield comment(f"desk field {label}", f"/tickets/{ID}", outcome, body)
    # Notes and callers' comments have separate keys, so the key of a note reveals nothing.
    body = json_of(comment="Anna was here", idempotency_key=ANNAS_NOTE_KEY)
    yield own_comment("own, the key of a note", body, OWN_COMMENT)
    for label, text in (("another text", "Anna was here"), ("its text", BOBS_NOTE)):
        body = json_of(comment=text, idempotency_key=BOBS_NOTE_KEY)
        yield comment(f"the key of Bob's note and {label}", f"/tickets/{ID}", NOT_FOUND, body)
    handover = json_of(comment="Anna was here", handover={}, idempotency_key=BOBS_NOTE_KEY)
    yield comment("a hand-over of Bob's ticket", f"/tickets/{NUMBER}", NOT_FOUND, handover)


def versions() -> Iterator[Attempt]:
    """Yield conditional reads that would reveal whether somebody wrote a note."""
    for label, value, outcome in (
        ("the desk's version", ANNAS_DESK_VERSION, OWN_READ),
        ("the desk's version, weak", f"W/{ANNAS_DESK_VERSION}", OWN_READ),
        ("the desk's version and another", f'"x", {ANNAS_DESK_VERSION}', OWN_READ),
        ("another version", '"x"', OWN_READ),
    ):
        yield get(f"get, own If-None-Match: {label}", OWN, outcome, ("If-None-Match", value))
    for name in ("If-Unmodified-Since", "If-Range"):
        yield get(f"get, own {name}", OWN, OWN_READ, (name, ANNAS_DESK_VERSION))


def changes() -> Iterator[Attempt]:
    """Yield changes with a key of the desk that is bound to Anna."""
    note = {"comment": "Anna was here", "visibility": "internal"}
    bobs = f"/tickets/{ID}"
    key = {"idempotency_key": BOBS_NOTE_KEY}
    for label, fields, headers in (
        ("a note on Bob's ticket", note, []),
        ("a note on Bob's ticket, its key", note | key, []),
        ("Bob's note", {"comment": BOBS_NOTE, "visibility": "internal"} | key, []),
        ("Bob's note, made public", {"comment": BOBS_NOTE, "visibility": "public"} | key, []),
        ("a note on Bob's ticket, its version", note, [("If-Match", ETAG)]),
        ("a note on Bob's ticket, any version", note, [("If-Match", "*")]),
        ("a note on Bob's ticket, another version", note, [("If-Match", '"x"')]),
        ("Bob's ticket as a duplicate", {"duplicate_of": ANNAS_ID}, []),
        ("Bob's ticket as a duplicate of its twin", {"duplicate_of": TWIN_ID}, []),
        ("take Bob's hand-over", {"assignee": "carol.c"}, []),
        ("no field of Bob's ticket", {}, []),
    ):
        yield change(f"PATCH, {label}", bobs, NOT_FOUND, fields, *headers)
    for label, reference, outcome in (
        ("the id", ID, NOT_FOUND),
        ("the number", WRITTEN, NOT_FOUND),
        ("the number without dashes", NUMBER, NOT_FOUND),
        ("the number as spoken", SPOKEN, NOT_FOUND),
        ("an old ticket", OLD_ID, NOT_FOUND),
        ("the twin", TWIN_ID, NOT_FOUND),
        ("no ticket", "nobodys", NOT_FOUND),
        ("the canned answers", CANNED, NOT_FOUND),
        ("a misheard number", f"{NUMBER}0", MISHEARD_NUMBER),
        ("itself", ANNAS_WRITABLE_TICKET.ticket_id, invalid("duplicate_of")),
        ("a list", [WRITTEN], invalid("duplicate_of")),
        ("an object", {"S": WRITTEN}, invalid("duplicate_of")),
    ):
        merge = {"duplicate_of": reference, "comment": "Anna was here"}
        yield own_change(f"PATCH, duplicate of {label}", merge, outcome)
    yield own_change("PATCH, a note on Anna's ticket", note, OWN_CHANGE)
    yield own_change("PATCH, visibility alone", {"visibility": "internal"}, OWN_CHANGE)
    yield own_change("PATCH, visibility of all", {"visibility": "all"}, invalid("visibility"))
    stored = {"created_by": BOB, "follow_up_of": WRITTEN, "duplicates": [WRITTEN], "notes": []}
    yield own_change("PATCH, stored fields", stored, OWN_CHANGE)
    version = ("If-Match", ANNAS_DESK_VERSION)
    yield own_change("PATCH, If-Match: the desk's version", note, OUTDATED, version)


def change(label: str, path: str, outcome: Outcome, fields: dict[str, Any], *more: Any) -> Attempt:
    # Events carry an agent's key, and agents may not send PATCH.
    headers = [AS_ANNA, *more]
    return Attempt(label, "PATCH", path, headers, json_of(**fields), outcome, event=False)


def own_change(label: str, fields: dict[str, Any], outcome: Outcome, *more: Any) -> Attempt:
    attempt = change(label, WRITABLE, outcome, fields)
    return attempt._replace(headers=[AS_ANNA_FILING, *more])


def own_comment(label: str, body: bytes, outcome: Outcome) -> Attempt:
    headers = [AS_ANNA_FILING]
    return Attempt(f"comment, {label}", "POST", f"{WRITABLE}/comments", headers, body, outcome)
