"""The route of the Model Context Protocol: the four operations as tools for language models."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from ..api import error_responses, errors

blueprint = Blueprint("mcp", __name__)


@blueprint.route("/mcp", methods=["POST", "GET", "DELETE"])
def serve_mcp() -> Response | tuple[Response, int, dict[str, str]]:
    """Answer one HTTP request of an MCP client."""
    if request.method != "POST":
        body, status = error_responses.explain(errors.PostOnly())
        return jsonify(body), status, {"Allow": "POST"}
    # Imported here, so that a cold start for the other routes does not pay for it.
    from ..mcp import transport

    return transport.serve()
