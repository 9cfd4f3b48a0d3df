"""Pages out of templates, each with the headers that a page has."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Response, g, request, url_for
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..api import request_schemas, response_schemas
from ..tickets import lifecycle
from ..tickets.stats import Day
from . import messages, timeline
from .charts import chart

FOLDER = Path(__file__).parent
FILES = {"desk.css": "text/css", "desk.js": "text/javascript"}
# No inline script or style, and nothing from or to elsewhere. `data:` is for the icon.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


def page(template: str, **values: Any) -> Response:
    """Fill in a template."""
    values |= {"key": g.get("key"), "base": url_for("desk.show_queue").rstrip("/")}
    html = _environment().get_template(template).render(values)
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    # Not `no-referrer`: by that, a browser's own forms would come from the origin "null".
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def queue(query: request_schemas.QueueQuery, shown: response_schemas.Queue) -> Response:
    """Show a page of the queue."""
    return page("queue.html", query=query, shown=shown)


def ticket(
    ticket: response_schemas.DeskTicket,
    version: str,
    refused: response_schemas.Error | None,
    typed: str,
) -> Response:
    """Show a ticket, and what was said and done on it; if a change was refused, why.

    `typed` is the answer that somebody is writing.
    """
    return page(
        "ticket.html",
        ticket=ticket,
        version=version,
        allowed=lifecycle.next_statuses(ticket.status),
        erased=any(event.field == "caller_id" for event in ticket.history),
        timeline=timeline.timeline(ticket, request.args.get("entries") == "all"),
        done=messages.done(request.args.getlist("done"), ticket),
        refused=refused and messages.refused(refused),
        typed=typed,
    )


def found(
    typed: str,
    tickets: response_schemas.TicketList | None,
    refused: response_schemas.Error | None = None,
) -> Response:
    """Show a caller's tickets; if a number was looked for that is none, why."""
    sentence = refused and messages.refused(refused)
    return page("find.html", typed=typed, found=tickets, refused=sentence)


def new_ticket(form: Mapping[str, str], refused: response_schemas.Error | None = None) -> Response:
    """Show the form for a ticket, with what was typed; if that was refused, why."""
    return page("new.html", form=form, refused=refused and messages.refused(refused))


def stats(days: list[Day], filed_since: date) -> Response:
    """Show what was done day by day, drawn and as a table, the latest day first."""
    drawn = Markup(chart(days))  # noqa: S704 - our own
    return page("stats.html", days=days[::-1], chart=drawn, filed_since=filed_since)


def sign_in(refused: response_schemas.Error | None = None) -> Response:
    """Show the form to sign in; if a key was refused, why."""
    sentence = refused and messages.refused(refused)
    return page("sign_in.html", args=request.args, refused=sentence)


def error(answer: response_schemas.Error) -> Response:
    """Show what went wrong, and what to do."""
    if answer.code in ("key_refused", "role_refused"):
        return sign_in(answer)
    return page(
        "error.html",
        answer=answer,
        heading=messages.heading(answer),
        sentence=messages.refused(answer),
    )


def file(name: str) -> Response:
    """Return a style sheet or script, for a browser to keep: its address changes with it."""
    response = Response(_file(name), mimetype=FILES[name])
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def age(moment: str) -> str:
    """Return how long ago that was, in words, by the largest unit."""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    for unit, length in UNITS:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "moments"


def duration(seconds: float | None) -> str:
    """Return how long that is, in hours and minutes."""
    if seconds is None:
        return "none"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min"


def clock(moment: str) -> str:
    """Return a time for people. A script shows it as their own clock does."""
    return f"{datetime.fromisoformat(moment):%d %b %Y, %H:%M} UTC"


def label(value: str) -> str:
    """Return a status or priority as people read it."""
    return value.replace("_", " ").capitalize()


def shorten(text: str, most: int) -> str:
    """Return at most so many characters of a text."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals |= {"url_for": url_for, "file_url": _file_url, "new_key": _new_key}
    environment.filters |= {"age": age, "clock": clock, "label": label, "shorten": shorten}
    environment.filters["duration"] = duration
    return environment


@cache
def _file(name: str) -> bytes:
    return (FOLDER / "static" / name).read_bytes()


def _new_key() -> str:
    return str(uuid4())


def _file_url(name: str) -> str:
    version = hashlib.sha256(_file(name)).hexdigest()[:12]
    return url_for("desk.show_file", name=name, v=version)
