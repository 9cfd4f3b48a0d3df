"""Routes for people and platforms that connect an agent: the OpenAPI document and its viewer."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import NotFound

from ..api import parsing, request_schemas
from ..openapi import viewer_files
from ..openapi.document import document
from ..tickets.errors import InvalidField

# No inline scripts or styles, and nothing from other hosts. The icons of the viewer are `data:`
# URLs.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blueprint = Blueprint("docs", __name__)


@blueprint.get("/openapi.json")
def show_openapi() -> Response:
    """Return the OpenAPI document. Its server URL is the base URL of this request."""
    query = parsing.load_query(request_schemas.DocumentQuery, request.query_string)
    servers = [{"url": _base_url()}]
    return jsonify({**document(), "openapi": query.version, "servers": servers})


@blueprint.get("/docs", defaults={"name": ""})
@blueprint.get("/docs/<name>")
def show_docs(name: str) -> Response:
    """Return the page of the viewer, or one of its files."""
    if name not in viewer_files.FILES:
        raise NotFound
    file, mimetype = viewer_files.FILES[name]
    response = Response(viewer_files.content(file), mimetype=mimetype)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    # Browsers store the files, 2 MB in all, and ask each time whether they have changed.
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


def _base_url() -> str:
    # Werkzeug replaces a missing or malformed Host header by an empty string.
    if not request.host:
        raise InvalidField(
            "Host",
            "must be a host name of letters, digits, dots and hyphens, but this value of"
            f" {len(request.headers.get('Host', ''))} characters is not",
            "Request the document with a valid host name.",
        )
    return request.root_url.rstrip("/")
