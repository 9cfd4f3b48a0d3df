"""Fixtures: a server with a desk, and browsers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from ..support.browser import Browser, chromium
from ..support.desk_server import Open, Server, run_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with run_server(tmp_path_factory.mktemp("dynamodb")) as server:
        yield server


@pytest.fixture
def open_browser(server: Server, tmp_path: Path) -> Open:
    """Return a function that opens a browser with a new profile."""

    def open_browser(**options: Any) -> AbstractContextManager[Browser]:
        profile = tmp_path / f"profile-{len(list(tmp_path.iterdir()))}"
        profile.mkdir()
        return chromium(server.url, profile, **options)

    return open_browser
