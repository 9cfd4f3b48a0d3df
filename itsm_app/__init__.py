"""The ticket API of a service desk: a Flask app over one DynamoDB table."""

from __future__ import annotations

from flask import Flask

from . import blueprints, redaction
from .api import (
    auth,
    error_responses,
    hosts,
    json_provider,
    logs,
    request_class,
    response_headers,
    url_rule,
)
from .api.parsing import MAX_BODY_BYTES
from .tickets import callers, retention


def create_app() -> Flask:
    """Create the app. Open no connection, start no process, create no table.

    Raises:
        InvalidSetting: A setting is malformed.
    """
    retention.days()
    callers.check_settings()
    redaction.check_setting()
    blueprints.docs.check_setting()
    app = Flask(__name__, static_folder=None)
    app.request_class = request_class.Request
    app.url_rule_class = url_rule.UrlRule
    # Werkzeug silently truncates a chunked body at this length. One byte more lets
    # `parsing.load_body` detect a body that is too long.
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
    # OPTIONS is not an operation: the contract's answer is 404.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # `/tickets//comments` has an empty id. It must not redirect to `/tickets/comments`.
    app.url_map.merge_slashes = False
    app.json = json_provider.MsgspecProvider(app)
    response_headers.init_app(app)
    logs.init_app(app)
    hosts.init_app(app)
    auth.init_app(app)
    error_responses.init_app(app, pages={"/desk/": blueprints.desk_pages.error_page})
    blueprints.init_app(app)
    return app
