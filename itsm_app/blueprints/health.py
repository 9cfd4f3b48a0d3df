"""Whether the service works, for `zappa deploy`, monitors and load balancers."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from ..api import schemas
from ..tickets import service_desk

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def show_health() -> Response:
    """Say that the tickets can be reached; the errors of DynamoDB answer when they can't."""
    service_desk.check_storage()
    return jsonify(schemas.Health(status="ok"))
