"""The ticket API of a service desk: a Flask app over one DynamoDB table."""

from __future__ import annotations

from flask import Flask

from . import config, error_handlers, headers, json_provider, keys, logs, retention
from .blueprints.contract import contract
from .blueprints.desk import desk_pages
from .blueprints.health import health
from .blueprints.mcp import mcp
from .blueprints.tickets import tickets
from .blueprints.work import work
from .schemas import MAX_BODY_BYTES


def create_app() -> Flask:
    """Wire the app. Opens no connection, starts no process, makes no table.

    Raises `InvalidSetting`.
    """
    retention.days()
    app = Flask(__name__, static_folder=None)
    # Werkzeug cuts a chunked body off at this length and says nothing; by the byte more,
    # `loading.load_body` sees that there was too much.
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
    # An unknown method is an unknown operation, so Flask must not answer OPTIONS by itself.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # `/tickets//comments` is an empty id, not a redirect to `/tickets/comments`.
    app.url_map.merge_slashes = False
    app.json = json_provider.MsgspecProvider(app)
    headers.init_app(app)
    logs.init_app(app)
    keys.init_app(app)
    error_handlers.init_app(app)
    if not config.in_lambda():
        # Nobody types a command there, and a cold start is not to load them.
        from . import commands

        commands.init_app(app)
    app.register_blueprint(tickets)
    app.register_blueprint(work)
    app.register_blueprint(desk_pages)
    app.register_blueprint(health)
    app.register_blueprint(contract)
    app.register_blueprint(mcp)
    return app
