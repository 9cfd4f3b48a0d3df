"""Routes of the desk's web pages, for the people who work the tickets.

The modules behind them are imported at the first request for a page, so that a cold start for the
four operations does not pay for them ("Lazily Loading Views" in Flask's documentation).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from ..api.response_schemas import Error

# Method, path below `/desk`, and the name of the view in `desk/views.py`.
ROUTES = (
    ("GET", "", "show_queue"),
    ("GET", "/", "show_queue"),
    ("GET", "/tickets/<ticket_id>", "show_ticket"),
    ("POST", "/tickets/<ticket_id>", "change_ticket"),
    ("GET", "/find", "find_tickets"),
    ("GET", "/new", "show_new_ticket"),
    ("POST", "/new", "create_ticket"),
    ("GET", "/stats", "show_stats"),
    ("GET", "/sign-in", "show_sign_in"),
    ("POST", "/sign-in", "sign_in"),
    ("POST", "/sign-out", "sign_out"),
    ("GET", "/static/<name>", "show_file"),
)


@cache
def lazy_view(name: str) -> Callable[..., ResponseReturnValue]:
    """Return a view that imports `desk.views` at its first call."""

    def view(**arguments: Any) -> ResponseReturnValue:
        from ..desk import views

        response: ResponseReturnValue = getattr(views, name)(**arguments)
        return response

    return view


def error_page(error: Error) -> Response:
    """Return the page for an error below `/desk`."""
    from ..desk import pages

    return pages.error(error)


blueprint = Blueprint("desk", __name__, url_prefix="/desk")
blueprint.before_request(lazy_view("require_session"))
for method, path, name in ROUTES:
    blueprint.add_url_rule(path, name, lazy_view(name), methods=[method])
