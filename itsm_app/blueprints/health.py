"""The health check, for `zappa deploy`, monitors and load balancers."""

from __future__ import annotations

import time
from threading import Lock

from flask import Blueprint, Response, current_app, jsonify

from ..api import response_schemas
from ..storage.errors import StorageUnavailable
from ..tickets.get import check_storage

MAX_AGE_SECONDS = 5

blueprint = Blueprint("health", __name__)


class _LastCheck:
    """When this process last read DynamoDB for `/health`, and the error of that read."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.time: float | None = None
        self.error: StorageUnavailable | None = None


@blueprint.get("/health")
def show_health() -> Response:
    """Return `ok` if the table can be read, or the error of DynamoDB.

    Anybody can call this route, so a process reads DynamoDB at most every `MAX_AGE_SECONDS`.
    """
    _check_storage(current_app.extensions.setdefault("health", _LastCheck()))
    return jsonify(response_schemas.Health(status="ok"))


def _check_storage(last: _LastCheck) -> None:
    with last.lock:
        if last.time is None or time.monotonic() - last.time > MAX_AGE_SECONDS:
            last.error = None
            try:
                check_storage()
            except StorageUnavailable as error:
                last.error = error
            last.time = time.monotonic()
        if last.error is not None:
            raise last.error
