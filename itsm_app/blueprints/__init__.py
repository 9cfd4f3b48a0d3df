"""The routes. Each module is one blueprint."""

from __future__ import annotations

from flask import Flask

from . import desk_api, desk_pages, docs, health, mcp, tickets


def init_app(app: Flask) -> None:
    """Register every blueprint."""
    for module in (tickets, desk_api, desk_pages, health, docs, mcp):
        app.register_blueprint(module.blueprint)
