"""The log groups of the Lambda functions."""

from __future__ import annotations

from typing import Any

LOG_RETENTION_DAYS = 30


def create(cli: Any, function: str) -> None:
    """Create the log group of a function if it does not exist.

    Lambda would create a log group that keeps its lines forever, and would need the permission.
    """
    logs = cli.zappa.logs_client
    group = f"/aws/lambda/{function}"
    try:
        logs.create_log_group(logGroupName=group, tags=cli.tags)
    except logs.exceptions.ResourceAlreadyExistsException:
        return
    logs.put_retention_policy(logGroupName=group, retentionInDays=LOG_RETENTION_DAYS)
