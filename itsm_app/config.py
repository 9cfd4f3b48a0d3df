"""Every setting: its name, its default, its meaning. The only module that touches os.environ."""

from __future__ import annotations

import os

TABLE_NAME = os.environ.get("TABLE_NAME", "poc-itsm-tickets")
"""The DynamoDB table that holds the tickets."""

REGION = os.environ.get("REGION", "us-east-1")
"""The AWS region of that table."""

STAGE = os.environ.get("STAGE", "")
"""The stage whose CloudWatch metrics the log lines carry; empty: no metrics."""

API_KEYS = os.environ.get("API_KEYS", "")
"""Who may call: `name:role:sha256` entries, separated by commas; `flask new-key` makes them."""

SECRET_KEY = os.environ.get("SECRET_KEY", "")
"""What signs the desk's sessions, 32 characters or more; empty: the Lambda's desk stays shut."""

RETENTION_DAYS = os.environ.get("RETENTION_DAYS", "")
"""How many days a ticket is kept after it was closed; empty: for ever."""

LOCAL_DYNAMODB = os.environ.get("LOCAL_DYNAMODB", "")
"""The folder of the embedded DynamoDB's state; empty: the AWS SDK's own settings decide."""


class InvalidSetting(Exception):
    """A setting is malformed. The message says which one, and what it must be."""


def in_lambda() -> bool:
    """Whether this process is a Lambda's.

    By a variable of "Defined runtime environment variables" in the AWS Lambda guide.
    """
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def wants_local_dynamodb() -> bool:
    """Whether `flask run` is to start the embedded DynamoDB.

    An endpoint of the user's own comes first, and a Lambda never starts one.
    """
    taken = in_lambda() or bool(os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"))
    return bool(LOCAL_DYNAMODB) and not taken


def use_local_dynamodb(endpoint: str) -> None:
    """Point the AWS SDK of this process and its children at the embedded DynamoDB.

    The user's own credentials, profile and files are put aside: the embedded engine takes any
    credentials, and should see none that mean something elsewhere.
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
    # A company's proxy does not know this machine's loopback.
    os.environ["no_proxy"] = f"{os.environ.get('no_proxy', '')},127.0.0.1"


def environment_with(**changes: str) -> dict[str, str]:
    """Return the environment for a child process: this one's, with `changes`."""
    return {**os.environ, **changes}
