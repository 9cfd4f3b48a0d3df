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

LOCAL_DYNAMODB = os.environ.get("LOCAL_DYNAMODB", "")
"""The folder of the embedded DynamoDB. Empty: the settings of the AWS SDK select the DynamoDB."""


class InvalidSetting(Exception):
    """A setting is malformed. The message says which one, and what it must be."""


def in_lambda() -> bool:
    """Return whether this process runs in AWS Lambda.

    Lambda sets the variable ("Defined runtime environment variables" in the AWS Lambda guide).
    """
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def wants_local_dynamodb() -> bool:
    """Return whether `flask run` must start the embedded DynamoDB.

    It must not if the user has set an endpoint, or in a Lambda.
    """
    has_endpoint = bool(os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"))
    return bool(LOCAL_DYNAMODB) and not (has_endpoint or in_lambda())


def use_local_dynamodb(endpoint: str) -> None:
    """Make the AWS SDK in this process and its children use the embedded DynamoDB.

    The user's own credentials, profile and configuration files are ignored. The embedded DynamoDB
    accepts any credentials and must not receive real ones.
    """
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = endpoint
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "local"
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        os.environ[name] = os.devnull
    for name in (
        "AWS_DEFAULT_PROFILE",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
    ):
        os.environ.pop(name, None)
    # An HTTP proxy cannot reach the loopback interface of this machine.
    os.environ["no_proxy"] = f"{os.environ.get('no_proxy', '')},127.0.0.1"


def environment_with(**changes: str) -> dict[str, str]:
    """Return the environment of this process with `changes`, for a child process."""
    return {**os.environ, **changes}
