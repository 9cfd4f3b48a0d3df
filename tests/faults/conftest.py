from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from itsm_app.storage.models import Ticket
from tests.support.dynamodb_endpoint import use_dynamodb
from tests.support.keyless import keyless_app

from .clients import Clients, operation
from .proxy import Proxy


@pytest.fixture
def proxy(engine: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The proxy between the app in this process and its engine."""

    def tag(request: Any, **_: Any) -> None:
        request.headers["X-Operation"] = operation.get()

    proxy = Proxy(engine)
    monkeypatch.setattr(Ticket, "_connection", None)
    use_dynamodb(proxy.url)
    Ticket.connection().connection.client.meta.events.register("before-send.dynamodb", tag)
    yield proxy
    use_dynamodb(engine)
    proxy.stop()


@pytest.fixture
def clients(proxy: Proxy) -> Iterator[Clients]:
    """Clients of the app in this process."""
    # The tests send thousands of requests, and `violations` reports every failure.
    logging.disable(logging.WARNING)
    yield Clients(keyless_app(), proxy)
    logging.disable(logging.NOTSET)
