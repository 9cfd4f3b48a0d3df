"""Render the pages of the desk."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Response, g, request, url_for
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from .. import config
from ..api import response_schemas
from ..tickets import callers, lists
from ..tickets.stats import Report
from . import messages
from .charts import charts
from .links import linked

FOLDER = Path(__file__).parent
STATIC_FILES = {
    "desk.css": "text/css",
    "list.css": "text/css",
    "ticket.css": "text/css",
    "stats.css": "text/css",
    "desk.js": "text/javascript",
    "position.js": "text/javascript",
    "list.js": "text/javascript",
    "alerts.js": "text/javascript",
    "ticket.js": "text/javascript",
    "forms.js": "text/javascript",
    "canned.js": "text/javascript",
}
# No inline scripts or styles, and nothing from other hosts. The icon is a `data:` URL.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


def render(template: str, **values: Any) -> Response:
    """Return a page: a template, filled in with values, and the headers of every page."""
    values |= {"key": g.get("key"), "base": _base(), "uses_search": config.uses_search()}
    # The view whose link led to this page.
    origin = request.args.get("from")
    values["origin"] = origin if origin in lists.VIEWS else None
    html = _environment().get_template(template).render(values)
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    # With `no-referrer`, a browser would send `Origin: null` with the desk's own forms.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def found(
    search_text: str,
    found: response_schemas.TicketList | response_schemas.SearchResults | None,
    error: response_schemas.Error | None = None,
) -> Response:
    """Return the page with what was found, or with advice if nothing was found.

    Args:
        search_text: What was searched for.
        found: The tickets. None if nothing was searched for.
        error: Why the text cannot be searched for, or is no ticket number, although it looks like
            one.
    """
    return render(
        "search.html" if config.uses_search() else "find.html",
        search_text=search_text,
        found=found,
        error_message=error and messages.error_message(error),
        cursor=request.args.get("cursor"),
        is_caller=not error and _is_caller(search_text),
    )


def _is_caller(search_text: str) -> bool:
    # Phone numbers have no letters, and e-mail addresses have an "@".
    is_plain_id = "@" in search_text or not any(map(str.isalpha, search_text))
    return is_plain_id or callers.is_pseudonym(search_text)


def stats(report: Report) -> Response:
    """Return the statistics, as charts and as tables."""
    return render("stats.html", report=report, charts=charts(report))


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


def highlighted(match: response_schemas.Match) -> Markup:
    """Return the text of a match as HTML, with the words of the query in `mark` elements."""
    html, position = Markup(), 0
    for each in match.highlights:
        marked = Markup("<mark>{}</mark>").format(match.text[each.start : each.end])
        html += escape(match.text[position : each.start]) + marked
        position = each.end
    return html + escape(match.text[position:])


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
    environment.filters |= {"duration": duration, "linked": linked}
    environment.filters |= {"highlighted": highlighted}
    return environment


@cache
def _read_static_file(name: str) -> bytes:
    return (FOLDER / "static" / name).read_bytes()


def _new_idempotency_key() -> str:
    return str(uuid4())


def _static_url(name: str) -> str:
    version = hashlib.sha256(_read_static_file(name)).hexdigest()[:12]
    return f"{_base()}/static/{name}?v={version}"


def _base() -> str:
    """Return the path of the desk, which starts with the stage if there is one.

    `url_for` raises an error if the header Host is invalid. The error page must not.
    """
    return f"{request.script_root}/desk"
