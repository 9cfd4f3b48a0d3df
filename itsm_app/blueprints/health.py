"""Whether the service works, for `zappa deploy`, monitors and load balancers."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from .. import schemas, service_desk

health = Blueprint("health", __name__)


@health.get("/health")
def show_health() -> Response:
    """Say that the tickets can be reached; the errors of DynamoDB answer when they can't."""
    service_desk.check_storage()
    return jsonify(schemas.Health(status="ok"))
