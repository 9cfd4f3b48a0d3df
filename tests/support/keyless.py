"""The app without API keys, as `flask run` serves it."""

from __future__ import annotations

from flask import Flask

from itsm_app import create_app


def keyless_app() -> Flask:
    """Create the app. Requests from this machine need no key."""
    app = create_app()
    app.config["KEYLESS"] = True
    return app
