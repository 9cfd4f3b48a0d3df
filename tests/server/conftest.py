"""Fixtures: the documented server behind nginx, reachable under its host name."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.single_server import HOST, Nginx, Server, nginx, server


@pytest.fixture(scope="session", autouse=True)
def _resolve_host() -> Iterator[None]:
    """Resolve the host name to loopback, as DNS would resolve the name to the server."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if host == HOST else host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield


@pytest.fixture(scope="module")
def app_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("app") / "tickets") as running:
        yield running


@pytest.fixture(scope="module")
def web(app_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with nginx(tmp_path_factory.mktemp("nginx"), app_server.port) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of the tickets of one test."""
    return tmp_path / "tickets"
