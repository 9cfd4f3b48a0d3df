"""Routes for whoever connects an agent: the OpenAPI document and its viewer."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import NotFound

from ..api import parsing, request_schemas
from ..openapi import viewer_files
from ..openapi.document import document
from ..tickets.errors import InvalidField

# No inline script or style, and no other host. `data:` is for the icons of the viewer.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blueprint = Blueprint("contract", __name__)


@blueprint.get("/openapi.json")
def show_openapi() -> Response:
    """Return the OpenAPI document. Its server is the URL of this request."""
    query = parsing.load_query(request_schemas.DocumentQuery, request.query_string)
    servers = [{"url": _base_url()}]
    return jsonify({**document(), "openapi": query.version, "servers": servers})


@blueprint.get("/docs", defaults={"name": ""})
@blueprint.get("/docs/<name>")
def show_docs(name: str) -> Response:
    """Return the viewer page, or one of its files."""
    if name not in viewer_files.FILES:
        raise NotFound
    file, mimetype = viewer_files.FILES[name]
    response = Response(viewer_files.content(file), mimetype=mimetype)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    # Browsers keep the 2 MB and ask each time whether they have changed.
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


def _base_url() -> str:
    # Werkzeug replaces a missing or malformed Host by an empty text.
    if not request.host:
        raise InvalidField(
            "Host",
            "must be a host name of letters, digits, dots and hyphens, which its"
            f" {len(request.headers.get('Host', ''))} characters are not",
            "Ask for the document under such a name.",
        )
    return request.root_url.rstrip("/")
