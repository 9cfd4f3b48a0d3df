"""The views of the sign-in, the statistics and the static files."""

from __future__ import annotations

import re
from string import punctuation
from urllib.parse import quote

from flask import Response, g, redirect, request, url_for
from werkzeug import Response as BaseResponse
from werkzeug.exceptions import NotFound

from ..api.errors import NoSession
from ..tickets import stats
from . import pages, sessions

STATS_DAYS = 14
# What may follow `/desk` in the URL after the sign-in: a path or a query of printable ASCII.
NEXT_PATH = re.compile(r"[/?][!-~]*")


def require_session() -> BaseResponse | None:
    """Send requests without a session to the sign-in page. Runs before every view of the desk.

    Raises:
        NoKeys, DeskShut: The desk is disabled.
        CrossSite: The request does not come from a page of the desk.
        NoSession: A form was sent without a session.
    """
    view = (request.endpoint or "").rpartition(".")[2]
    if view == "show_file":
        return None
    sessions.check_enabled()
    sessions.check_origin()
    if view in ("show_sign_in", "sign_in"):
        return None
    try:
        g.key = sessions.key()
    except NoSession:
        if request.method == "POST":
            raise
        return _redirect_to_sign_in()
    return None


def show_stats() -> Response:
    """Show the backlog and the statistics of the last 14 days."""
    return pages.stats(stats.report(STATS_DAYS))


def show_sign_in() -> BaseResponse:
    """Show the sign-in form."""
    if not sessions.are_required():
        return redirect(url_for("desk.show_queue"), 303)
    return pages.sign_in()


def sign_in() -> BaseResponse:
    """Start a session with a key of the role `desk`, and redirect to the page in `next`."""
    next_path = request.args.get("next", "")
    home = url_for("desk.show_queue").rstrip("/")
    response = redirect(home + next_path if NEXT_PATH.fullmatch(next_path) else home, 303)
    return sessions.start(response, request.form.get("key", "").strip())


def sign_out() -> BaseResponse:
    """End the session of this browser."""
    return sessions.end(redirect(url_for("desk.show_sign_in", done="sign_out"), 303))


def show_file(name: str) -> Response:
    """Return a static file."""
    if name not in pages.STATIC_FILES:
        raise NotFound
    return pages.static_file(name)


def _redirect_to_sign_in() -> BaseResponse:
    # `request.full_path` would replace bytes of the query that are not UTF-8.
    query = quote(request.query_string, safe=punctuation)
    path = f"{request.path}?{query}".removeprefix("/desk").rstrip("?")
    # A browser does not send a SameSite=Strict cookie when a link on another site is followed. A
    # page of the desk that reloads itself makes the browser send the cookie.
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and "from" not in request.args:
        return pages.render("follow.html", path=f"{path}{'&' if '?' in path else '?'}from=link")
    return redirect(url_for("desk.show_sign_in", next=path or None), 303)
