"""The contract, for whoever connects an agent: as a document to import, as a page to read and try.

Both are read from their files when first asked for, so they cost nothing at a cold start.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import NotFound

from ..api import parsing, schemas
from ..api.errors import InvalidField

OPENAPI = Path(__file__).parent.parent / "openapi"
# The page has no name: its relative links keep the stage's prefix at `/docs`, not below it.
VIEWER = {
    "": ("index.html", "text/html"),
    "init.js": ("init.js", "text/javascript"),
    "swagger-ui-bundle.js": ("swagger-ui-bundle.js.xz", "text/javascript"),
    "swagger-ui.css": ("swagger-ui.css.xz", "text/css"),
}
# No inline script or style, and nothing from or to elsewhere; `data:` is for the viewer's icons.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blueprint = Blueprint("contract", __name__)


@blueprint.get("/openapi.json")
def show_openapi() -> Response:
    """Show the OpenAPI document, with the URL that it was asked at as its server."""
    query = parsing.load_query(schemas.DocumentQuery, request.query_string)
    servers = [{"url": _base_url()}]
    return jsonify({**_document(), "openapi": query.version, "servers": servers})


@blueprint.get("/docs", defaults={"name": ""})
@blueprint.get("/docs/<name>")
def show_docs(name: str) -> Response:
    """Show the document as a page, or one of the files of that page."""
    if name not in VIEWER:
        raise NotFound
    file, mimetype = VIEWER[name]
    response = Response(_viewer(file), mimetype=mimetype)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    # A browser keeps the 2 MB, and asks whether they have changed.
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


def _base_url() -> str:
    # Werkzeug takes a Host that is not there, or is none, for an empty one.
    if not request.host:
        raise InvalidField(
            "Host",
            "must be a host name of letters, digits, dots and hyphens, which its"
            f" {len(request.headers.get('Host', ''))} characters are not",
            "Ask for the document under such a name.",
        )
    return request.root_url.rstrip("/")


@cache
def _document() -> dict[str, Any]:
    # The two versions differ in nothing that the document uses.
    document: dict[str, Any] = msgspec.json.decode((OPENAPI / "openapi.json").read_bytes())
    return document


@cache
def _viewer(file: str) -> bytes:
    content = (OPENAPI / "viewer" / file).read_bytes()
    if not file.endswith(".xz"):
        return content
    # Here, so that a Python which was built without it lacks a page, and no more.
    import lzma

    return lzma.decompress(content)
