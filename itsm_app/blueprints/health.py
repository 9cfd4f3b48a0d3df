"""Whether the service works, for `zappa deploy`, monitors and load balancers."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from ..api import response_schemas
from ..tickets.get import check_storage

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def show_health() -> Response:
    """Say that the tickets can be reached; the errors of DynamoDB answer when they can't."""
    check_storage()
    return jsonify(response_schemas.Health(status="ok"))
