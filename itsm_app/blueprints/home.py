"""Lead browsers from the root path to the desk."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug import Response

blueprint = Blueprint("home", __name__)


# This is no route, because `/` has no operation for other clients.
@blueprint.before_app_request
def lead_to_desk() -> Response | None:
    """Redirect browsers to the desk. Other clients get the error for a path without operation."""
    # `*/*`, which curl and many clients send, is no wish for a page.
    wants_page = any(name == "text/html" and quality for name, quality in request.accept_mimetypes)
    if (request.method, request.path) != ("GET", "/") or not wants_page:
        return None
    response = redirect(url_for("desk.show_queue"), 303)
    response.headers["Vary"] = "Accept"
    return response
