"""Render the pages of the desk."""

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
STATIC_FILES = {"desk.css": "text/css", "desk.js": "text/javascript"}
# No inline scripts or styles, and nothing from other hosts. The icon is a `data:` URL.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


def render(template: str, **values: Any) -> Response:
    """Return a page: a template, filled in with values, and the headers of every page."""
    values |= {"key": g.get("key"), "base": url_for("desk.show_queue").rstrip("/")}
    html = _environment().get_template(template).render(values)
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    # With `no-referrer`, a browser would send `Origin: null` with the desk's own forms.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def queue(query: request_schemas.QueueQuery, found: response_schemas.Queue) -> Response:
    """Return a page of the queue."""
    return render("queue.html", query=query, queue=found)


def ticket(
    ticket: response_schemas.DeskTicket,
    version: str,
    error: response_schemas.Error | None,
    answer: str,
) -> Response:
    """Return the page of a ticket, with its conversation and history.

    Args:
        ticket: The ticket.
        version: The version of the ticket, which the forms of the page send back.
        error: Why a change was rejected, if it was.
        answer: The text of the answer box.
    """
    return render(
        "ticket.html",
        ticket=ticket,
        version=version,
        next_statuses=lifecycle.next_statuses(ticket.status),
        is_erased=any(event.field == "caller_id" for event in ticket.history),
        timeline=timeline.timeline(ticket, request.args.get("entries") == "all"),
        success_message=messages.success_message(request.args.getlist("done"), ticket),
        error_message=error and messages.error_message(error),
        answer=answer,
    )


def search_results(
    search_text: str,
    found: response_schemas.TicketList | None,
    error: response_schemas.Error | None = None,
) -> Response:
    """Return the page with a caller's tickets, or with advice if there are none.

    Args:
        search_text: What was searched for.
        found: The tickets. None if nothing was searched for.
        error: Why the text is not a ticket number, if it looks like one.
    """
    message = error and messages.error_message(error)
    return render("find.html", search_text=search_text, found=found, error_message=message)


def new_ticket(form: Mapping[str, str], error: response_schemas.Error | None = None) -> Response:
    """Return the form for a new ticket, with the texts of `form`, and the error if there is one."""
    return render("new.html", form=form, error_message=error and messages.error_message(error))


def stats(days: list[Day], opened_since: date) -> Response:
    """Return the statistics by day, as a chart and as a table with the latest day first."""
    svg = Markup(chart(days))  # noqa: S704 - contains dates and numbers only
    return render("stats.html", days=days[::-1], chart=svg, opened_since=opened_since)


def sign_in(error: response_schemas.Error | None = None) -> Response:
    """Return the sign-in form, and why the key was rejected if it was."""
    message = error and messages.error_message(error)
    return render("sign_in.html", args=request.args, error_message=message)


def error(error: response_schemas.Error) -> Response:
    """Return the page for an error."""
    if error.code in ("key_refused", "role_refused"):
        return sign_in(error)
    return render(
        "error.html",
        error=error,
        heading=messages.error_heading(error),
        message=messages.error_message(error),
    )


def static_file(name: str) -> Response:
    """Return the style sheet or the script. Browsers keep it, because its URL has its version."""
    response = Response(_read_static_file(name), mimetype=STATIC_FILES[name])
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def age(timestamp: str) -> str:
    """Return how long ago a time was, as text in the largest unit."""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds()
    for unit, length in UNITS:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "moments"


def duration(seconds: float | None) -> str:
    """Return a duration in hours and minutes."""
    if seconds is None:
        return "none"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min"


def clock(timestamp: str) -> str:
    """Return a time as text for people, in UTC. A script replaces it with the local time."""
    return f"{datetime.fromisoformat(timestamp):%d %b %Y, %H:%M} UTC"


def label(value: str) -> str:
    """Return a status or a priority as text for people."""
    return value.replace("_", " ").capitalize()


def shorten(text: str, max_characters: int) -> str:
    """Return a text, cut off with an ellipsis if it is longer than `max_characters`."""
    return text if len(text) <= max_characters else f"{text[: max_characters - 1]}…"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals |= {
        "url_for": url_for,
        "static_url": _static_url,
        "new_idempotency_key": _new_idempotency_key,
    }
    environment.filters |= {"age": age, "clock": clock, "label": label, "shorten": shorten}
    environment.filters["duration"] = duration
    return environment


@cache
def _read_static_file(name: str) -> bytes:
    return (FOLDER / "static" / name).read_bytes()


def _new_idempotency_key() -> str:
    return str(uuid4())


def _static_url(name: str) -> str:
    version = hashlib.sha256(_read_static_file(name)).hexdigest()[:12]
    return url_for("desk.show_file", name=name, v=version)
