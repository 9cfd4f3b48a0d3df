"""The names of a stage's AWS resources, and the IAM policies with these names filled in.

`python -m deploy.policies deployer-policy.json poc 123456789012` prints the policy of the user who
deploys the stage `poc` to the AWS account 123456789012.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from string import Template
from typing import Any

HERE = Path(__file__).parent


def names(stage: str, settings: dict[str, Any]) -> dict[str, str]:
    """Return the names of a stage's resources.

    Args:
        stage: The name of the stage.
        settings: The stage's block in `zappa_settings.json`.
    """
    variables = settings.get("aws_environment_variables", {})
    return {
        "stage": stage,
        "region": settings["aws_region"],
        "function": f"{stage}-itsm-api-handler",
        "role": f"{stage}-itsm-lambda-role",
        "boundary": f"{stage}-itsm-boundary",
        "table": variables.get("TABLE_NAME", f"{stage}-itsm-tickets"),
    }


def render(policy: str, account: str, names: dict[str, str]) -> str:
    """Return a policy of a stage as JSON.

    Args:
        policy: The name of the policy's file in this folder.
        account: The AWS account, 12 digits.
        names: The result of `names`.

    Raises:
        KeyError: The file has a placeholder other than `account`, `bucket` and the keys of `names`.
    """
    text = (HERE / policy).read_text()
    bucket = bucket_name(account, names["region"])
    return Template(text).substitute(names, account=account, bucket=bucket)


def boundary_arn(account: str, names: dict[str, str]) -> str:
    """Return the ARN of the policy that limits the permissions of the function's role."""
    return f"arn:aws:iam::{account}:policy/{names['boundary']}"


def bucket_name(account: str, region: str) -> str:
    """Return the name of the S3 bucket to which Zappa uploads its files.

    All stages of an account and region share one bucket. By default, Zappa would create a bucket
    with a random name in each command.
    """
    return f"itsm-zappa-{account}-{region}"


if __name__ == "__main__":
    settings = json.loads((HERE.parent / "zappa_settings.json").read_text())
    if len(sys.argv) != 4 or sys.argv[2] not in settings:
        sys.exit(f"Usage: {__doc__}Stages: {', '.join(settings)}")
    _, policy, stage, account = sys.argv
    print(render(policy, account, names(stage, settings[stage])))  # noqa: T201
