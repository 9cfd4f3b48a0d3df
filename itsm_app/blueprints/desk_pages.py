"""Routes of the desk's web pages, for the people who work the tickets.

The modules behind them are imported at the first request for a page, so that a cold start for the
four operations does not pay for them ("Lazily Loading Views" in Flask's documentation).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from ..api.response_schemas import Error

# Method, path below `/desk`, and the name of the view in `desk/views.py`.
ROUTES = (
    ("GET", "", "show_queue"),
    ("GET", "/", "show_queue"),
    ("GET", "/find", "find_tickets"),
    ("GET", "/stats", "show_stats"),
    ("GET", "/sign-in", "show_sign_in"),
    ("POST", "/sign-in", "sign_in"),
    ("POST", "/sign-out", "sign_out"),
    ("GET", "/static/<name>", "show_file"),
)
# The same for `desk/ticket_views.py` and `desk/canned_answer_views.py`.
TICKET_ROUTES = (
    ("GET", "/tickets/<ticket_id>", "show_ticket"),
    ("POST", "/tickets/<ticket_id>", "change_ticket"),
    ("GET", "/new", "show_new_ticket"),
    ("POST", "/new", "create_ticket"),
)
CANNED_ANSWER_ROUTES = (
    ("GET", "/canned-answers", "show_canned_answers"),
    ("POST", "/canned-answers", "add_canned_answer"),
    ("GET", "/canned-answers/<answer_id>", "show_canned_answer"),
    ("POST", "/canned-answers/<answer_id>", "change_canned_answer"),
)
MODULES = {
    "views": ROUTES,
    "ticket_views": TICKET_ROUTES,
    "canned_answer_views": CANNED_ANSWER_ROUTES,
}


@cache
def lazy_view(name: str, module: str = "views") -> Callable[..., ResponseReturnValue]:
    """Return a view that imports its module in `desk/` at its first call."""

    def view(**arguments: Any) -> ResponseReturnValue:
        views = import_module(f"itsm_app.desk.{module}")
        response: ResponseReturnValue = getattr(views, name)(**arguments)
        return response

    return view


def error_page(error: Error) -> Response:
    """Return the page for an error below `/desk`."""
    from ..desk import pages

    return pages.error(error)


blueprint = Blueprint("desk", __name__, url_prefix="/desk")
blueprint.before_request(lazy_view("require_session"))
for module, routes in MODULES.items():
    for method, path, name in routes:
        blueprint.add_url_rule(path, name, lazy_view(name, module), methods=[method])
