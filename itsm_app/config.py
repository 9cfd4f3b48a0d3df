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


def uses_embedded_dynamodb() -> bool:
    """Whether this process stores tickets in `LOCAL_DYNAMODB`.

    An endpoint that is set for the AWS SDK takes precedence. A Lambda never uses it.
    """
    has_endpoint = bool(os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"))
    return bool(LOCAL_DYNAMODB) and not has_endpoint and not in_lambda()


def names_table() -> bool:
    """Whether `TABLE_NAME` is set, so that its default is not used."""
    return bool(os.environ.get("TABLE_NAME"))


def ignore_aws_settings() -> None:
    """Remove the AWS SDK's settings from this process, which then stores tickets locally.

    A profile that does not exist, or an invalid setting, must not stop a process that never uses
    AWS.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        os.environ[name] = os.devnull
