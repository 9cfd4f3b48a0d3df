"""The names of a stage's resources, and the IAM policies written out with them.

`python -m deploy.policies deployer-policy.json poc 123456789012` prints the policy for the person
who deploys the stage `poc` to that account.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from string import Template
from typing import Any

HERE = Path(__file__).parent


def names(stage: str, settings: dict[str, Any]) -> dict[str, str]:
    """Return what the resources of a stage are called, from its block of `zappa_settings.json`."""
    chosen = settings.get("aws_environment_variables", {})
    return {
        "stage": stage,
        "region": settings["aws_region"],
        "function": f"{stage}-itsm-api-handler",
        "role": f"{stage}-itsm-lambda-role",
        "table": chosen.get("TABLE_NAME", f"{stage}-itsm-tickets"),
    }


def render(policy: str, account: str, names: dict[str, str]) -> str:
    """Return a policy of this folder, by its file's name, for an account (12 digits) and a stage.

    Raises `KeyError` for a name in it that is not one of `names`, `account` and `bucket`.
    """
    text = (HERE / policy).read_text()
    bucket = bucket_of(account, names["region"])
    return Template(text).substitute(names, account=account, bucket=bucket)


def bucket_of(account: str, region: str) -> str:
    """Return the name of the S3 bucket that Zappa passes its files through.

    One for an account and region: by itself Zappa makes one with a random name at each command.
    """
    return f"itsm-zappa-{account}-{region}"


if __name__ == "__main__":
    settings = json.loads((HERE.parent / "zappa_settings.json").read_text())
    if len(sys.argv) != 4 or sys.argv[2] not in settings:
        sys.exit(f"Usage: {__doc__}Stages: {', '.join(settings)}")
    _, policy, stage, account = sys.argv
    print(render(policy, account, names(stage, settings[stage])))  # noqa: T201
