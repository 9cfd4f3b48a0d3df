"""The route of the root path, which leads browsers to the desk."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def show_home() -> ResponseReturnValue:
    """Redirect browsers to the desk. Raise `NotFound` for other clients."""
    # `*/*`, which curl and many clients send, is no wish for a page.
    if not any(name == "text/html" and quality for name, quality in request.accept_mimetypes):
        raise NotFound
    response = redirect(url_for("desk.show_queue"), 303)
    response.headers["Vary"] = "Accept"
    return response
