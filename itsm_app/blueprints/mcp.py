"""The four operations as tools of a language model, over the Model Context Protocol."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from ..api import error_responses, errors

blueprint = Blueprint("mcp", __name__)


@blueprint.route("/mcp", methods=["POST", "GET", "DELETE"])
def serve_mcp() -> Response | tuple[Response, int, dict[str, str]]:
    """Answer one HTTP request of an MCP client."""
    if request.method != "POST":
        told, status = error_responses.explain(errors.PostOnly())
        return jsonify(told), status, {"Allow": "POST"}
    # Not at the top: whoever calls the routes only should not pay for this at each cold start.
    from ..mcp import transport

    return transport.serve()
