"""Fixtures that use the API beside the desk's pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from ..support.desk import AGENT, ANNA


@pytest.fixture
def change(desk_app: Flask) -> Callable[..., None]:
    """Return a function that changes a ticket with the key of anna or of somebody else."""

    def change(ticket: str, key: str = ANNA, **body: Any) -> None:
        client, headers = desk_app.test_client(), {"x-api-key": key}
        headers["If-Match"] = client.get(f"/tickets/{ticket}", headers=headers).headers["ETag"]
        assert client.patch(f"/tickets/{ticket}", json=body, headers=headers).status_code == 200

    return change


@pytest.fixture
def call(desk_app: Flask) -> Callable[..., None]:
    """Return a function that adds a caller's comment, with a hand-over if `handover` is given."""

    def call(ticket: str, **body: Any) -> None:
        client, headers = desk_app.test_client(), {"x-api-key": AGENT}
        body = {"comment": "Hello?", **body}
        response = client.post(f"/tickets/{ticket}/comments", json=body, headers=headers)
        assert response.status_code == 200

    return call
