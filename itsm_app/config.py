"""All settings, with defaults. Only this module reads and changes environment variables."""

from __future__ import annotations

import os

TABLE_NAME = os.environ.get("TABLE_NAME", "poc-itsm-tickets")
"""The DynamoDB table."""

REGION = os.environ.get("REGION", "us-east-1")
"""The AWS region of the table."""

STAGE = os.environ.get("STAGE", "")
"""The stage name in the CloudWatch metrics of the log lines. Empty: no metrics."""

API_KEYS = os.environ.get("API_KEYS", "")
"""Who may call: entries `name:role:sha256`, separated by commas. `flask new-key` creates them."""

SECRET_KEY = os.environ.get("SECRET_KEY", "")
"""Signs the desk's sessions, at least 32 characters. Empty: the desk is disabled in a Lambda."""

RETENTION_DAYS = os.environ.get("RETENTION_DAYS", "")
"""How many days a ticket is kept after it was closed. Empty: forever."""

CALLER_ID_FORM = os.environ.get("CALLER_ID_FORM", "")
"""`phone`: caller ids are phone numbers and stored as E.164. Empty: any text."""

CALLER_SECRET = os.environ.get("CALLER_SECRET", "")
"""Computes the pseudonyms under which callers are stored, see `tickets.callers`. Empty: none."""

REDACT = os.environ.get("REDACT", "")
"""What is replaced in texts before they are stored: `cards`, `passwords`. Empty: nothing."""

API_VIEWER = os.environ.get("API_VIEWER") or "on"
"""`off` disables the API viewer at `/docs`. The OpenAPI document is served in any case."""

CONNECT_INSTANCES = os.environ.get("CONNECT_INSTANCES", "")
"""The Amazon Connect instances whose flows may call the Lambda: ARNs, separated by commas."""

LOCAL_DYNAMODB = os.environ.get("LOCAL_DYNAMODB", "")
"""The folder of the embedded DynamoDB. Empty: the settings of the AWS SDK select the DynamoDB."""


SEARCH_TABLE = os.environ.get("SEARCH_TABLE", "")
"""The DynamoDB table with the search index. Empty: search is off, but see `uses_search`."""


class InvalidSetting(Exception):
    """A setting is malformed. The message says which one, and what it must be."""


def in_lambda() -> bool:
    """Return whether this process runs in AWS Lambda.

    Lambda sets the variable ("Defined runtime environment variables" in the AWS Lambda guide).
    """
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def uses_embedded_dynamodb() -> bool:
    """Whether this process stores tickets in `LOCAL_DYNAMODB`.

    An endpoint that is set for the AWS SDK takes precedence. A Lambda never uses it.
    """
    has_endpoint = bool(os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"))
    return bool(LOCAL_DYNAMODB) and not has_endpoint and not in_lambda()


def uses_search() -> bool:
    """Return whether tickets can be searched. With the embedded DynamoDB, they always can."""
    return bool(SEARCH_TABLE) or uses_embedded_dynamodb()


def search_table() -> str:
    """Return the name of the table with the search index."""
    return SEARCH_TABLE or f"{TABLE_NAME}-search"


def names_table() -> bool:
    """Return whether `TABLE_NAME` is set. If it is not, the app uses the default."""
    return bool(os.environ.get("TABLE_NAME"))


def dynamodb_endpoint() -> str:
    """Return the endpoint that the AWS SDK's variables set. Empty: the endpoint of AWS."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB")
    return endpoint or os.environ.get("AWS_ENDPOINT_URL", "")


def ignore_aws_settings() -> None:
    """Remove the AWS SDK's settings from this process, which then stores tickets locally.

    A profile that does not exist, or an invalid setting, must not stop a process that never uses
    AWS.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        os.environ[name] = os.devnull
