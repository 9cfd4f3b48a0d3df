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

# Method, path below `/desk`, and the module and the name of the view in `desk/`.
ROUTES = (
    ("GET", "", "queue_views.show_queue"),
    ("GET", "/", "queue_views.show_queue"),
    ("GET", "/bulk", "queue_views.confirm_closing"),
    ("POST", "/bulk", "queue_views.change_tickets"),
    ("GET", "/export.csv", "queue_views.export_list"),
    ("GET", "/news", "queue_views.show_news"),
    ("GET", "/tickets/<ticket_id>", "ticket_views.show_ticket"),
    ("POST", "/tickets/<ticket_id>", "ticket_views.change_ticket"),
    ("GET", "/find", "find_views.find_tickets"),
    ("GET", "/new", "ticket_views.show_new_ticket"),
    ("POST", "/new", "ticket_views.create_ticket"),
    ("GET", "/canned-answers", "canned_answer_views.show_canned_answers"),
    ("POST", "/canned-answers", "canned_answer_views.add_canned_answer"),
    ("GET", "/canned-answers/<answer_id>", "canned_answer_views.show_canned_answer"),
    ("POST", "/canned-answers/<answer_id>", "canned_answer_views.change_canned_answer"),
    ("GET", "/notice", "notice_views.show_notice"),
    ("POST", "/notice", "notice_views.change_notice"),
    ("GET", "/stats", "views.show_stats"),
    ("GET", "/sign-in", "views.show_sign_in"),
    ("POST", "/sign-in", "views.sign_in"),
    ("POST", "/sign-out", "views.sign_out"),
    ("GET", "/static/<name>", "views.show_file"),
)


@cache
def lazy_view(path: str) -> Callable[..., ResponseReturnValue]:
    """Return a view that imports the modules of `desk` at the first call."""
    module, _, name = path.partition(".")

    def view(**arguments: Any) -> ResponseReturnValue:
        # Not `import_module`: the zip of the Lambda has the modules that imports name.
        from ..desk import (
            canned_answer_views,
            find_views,
            notice_views,
            queue_views,
            ticket_views,
            views,
        )

        modules = {
            "canned_answer_views": canned_answer_views,
            "find_views": find_views,
            "notice_views": notice_views,
            "queue_views": queue_views,
            "ticket_views": ticket_views,
            "views": views,
        }
        response: ResponseReturnValue = getattr(modules[module], name)(**arguments)
        return response

    return view


def error_page(error: Error) -> Response:
    """Return the page for an error below `/desk`."""
    from ..desk import pages

    return pages.error(error)


blueprint = Blueprint("desk", __name__, url_prefix="/desk")
blueprint.before_request(lazy_view("views.require_session"))
for method, path, view in ROUTES:
    endpoint = view.partition(".")[2]
    blueprint.add_url_rule(path, endpoint, lazy_view(view), methods=[method])
