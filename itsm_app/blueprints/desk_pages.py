"""The pages at `/desk`, for the people who work the tickets.

Here are their routes alone. What they need is loaded at the first of these requests, so that a cold
start of the four operations does not pay for it: "Lazily Loading Views" in Flask's documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

# Method, path below `/desk`, and the view in `desk/views.py`.
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
def late(name: str) -> Callable[..., ResponseReturnValue]:
    """Return a view that is loaded when it is first called."""

    def view(**arguments: Any) -> ResponseReturnValue:
        from ..desk import views

        answer: ResponseReturnValue = getattr(views, name)(**arguments)
        return answer

    return view


blueprint = Blueprint("desk", __name__, url_prefix="/desk")
blueprint.before_request(late("let_in"))
for method, path, name in ROUTES:
    blueprint.add_url_rule(path, name, late(name), methods=[method])
