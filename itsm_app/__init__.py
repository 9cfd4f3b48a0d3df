"""The ticket API of a service desk: a Flask app over one DynamoDB table."""

from __future__ import annotations

from flask import Flask

from . import blueprints, config
from .api import auth, error_responses, headers, json_provider, logs
from .api.schemas import MAX_BODY_BYTES
from .tickets import retention


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
    auth.init_app(app)
    error_responses.init_app(app)
    if not config.in_lambda():
        # Nobody types a command there, and a cold start is not to load them.
        from .commands import init_db

        init_db.init_app(app)
    blueprints.init_app(app)
    return app
