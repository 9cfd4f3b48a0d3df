"""Routes for people and platforms that connect an agent: the OpenAPI document and its viewer."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import NotFound

from .. import config
from ..api import parsing, request_schemas
from ..config import InvalidSetting
from ..openapi import viewer_files
from ..openapi.document import document
from ..tickets.errors import InvalidField

# No inline scripts or styles, and nothing from other hosts. The icons of the viewer are `data:`
# URLs.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

# The URLs of Swagger UI in the page contain its version, so browsers keep these files for a year.
VERSIONED = "public, max-age=31536000, immutable"

blueprint = Blueprint("docs", __name__)


def check_setting() -> None:
    """Raise `InvalidSetting` if `API_VIEWER` is malformed."""
    if config.API_VIEWER not in ("on", "off"):
        raise InvalidSetting("API_VIEWER must be on or off. Correct it, or leave it out for on")


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
    if config.API_VIEWER == "off" or name not in viewer_files.FILES:
        raise NotFound
    file, mimetype = viewer_files.FILES[name]
    response = _file_response(file)
    response.mimetype = mimetype
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    # Browsers store the other files too, and ask each time whether they have changed.
    response.headers["Cache-Control"] = VERSIONED if "v" in request.args else "no-cache"
    response.make_conditional(request)
    return response


def _file_response(file: str) -> Response:
    if not file.endswith(viewer_files.COMPRESSED):
        response = Response(viewer_files.content(file))
        response.add_etag()
        return response
    # API Gateway compresses the responses of a Lambda itself, and takes only text from it.
    compressed = request.accept_encodings["gzip"] > 0 and not config.in_lambda()
    read = viewer_files.stored_content if compressed else viewer_files.content
    response = Response(read(file))
    response.add_etag()
    response.vary.add("Accept-Encoding")
    if compressed:
        response.content_encoding = "gzip"
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
