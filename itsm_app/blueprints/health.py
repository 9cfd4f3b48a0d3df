"""The health check, for `zappa deploy`, monitors and load balancers."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from ..api import response_schemas, storage_check

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def show_health() -> Response:
    """Return `ok` if the table can be read, or the error of DynamoDB."""
    storage_check.require_storage()
    return jsonify(response_schemas.Health(status="ok"))
