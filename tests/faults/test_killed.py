"""Tests of writes whose app process is killed before the response, and that the client repeats."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import requests

from ..support.flask_run import flask_run
from .clients import Clients, Write
from .proxy import Exchange, Proxy, no_fault

pytestmark = [
    pytest.mark.faults,
    pytest.mark.parametrize("engine", ["dynamodb_local"], indirect=True),
]


@pytest.mark.parametrize("applied", ["before the kill", "before the repeat", "after the repeat"])
@pytest.mark.parametrize("kind", ["ticket", "comment", "note", "handover"])
def test_repeated_write_after_a_kill_is_stored_once(
    clients: Clients, proxy: Proxy, caller: str, kind: str, applied: str
) -> None:
    held, released = Event(), Event()

    def hold(exchange: Exchange) -> None:
        if applied == "before the kill":
            exchange.apply()
        held.set()
        exchange.wait_until_client_closes()
        released.wait()
        if applied != "before the kill":
            exchange.apply()

    ticket = clients.create(caller, "My printer is on fire").json["ticket_id"]
    write = Write(kind, caller if kind == "ticket" else ticket, "Hello?")
    proxy.rule = lambda exchange: hold if exchange.writes else None
    with flask_run(AWS_ENDPOINT_URL_DYNAMODB=proxy.url) as app, ThreadPoolExecutor(1) as pool:
        pending = pool.submit(app.request, write.method, write.path, json=write.body("k"))
        assert held.wait(timeout=10)
        app.stop(signal.SIGKILL)
        with pytest.raises(requests.ConnectionError):
            pending.result()
    proxy.rule = no_fault
    if applied != "after the repeat":
        released.set()
        proxy.settle()
    repeat = clients.write(write, "k")
    released.set()
    assert clients.violations() == {}
    if kind != "note":
        assert ("Idempotency-Replayed" in repeat.headers) == (applied != "after the repeat")
