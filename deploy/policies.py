"""The names of a stage's AWS resources, and the IAM policies with these names filled in.

`python -m deploy.policies deployer-policy.json poc 123456789012` prints the policy of the user who
deploys the stage `poc` to the AWS account 123456789012.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from string import Template
from typing import Any

HERE = Path(__file__).parent
# The names of the resources and the statements in a policy that only search needs.
FOR_SEARCH = re.compile(r"\$\{(search_table|stream_\w+)\}|ForSearch$")


class NoSearch(Exception):
    """The whole policy is for search, and the stage has no search."""


def names(stage: str, settings: dict[str, Any]) -> dict[str, str]:
    """Return the names of a stage's resources.

    Args:
        stage: The name of the stage.
        settings: The stage's block in `zappa_settings.json`.

    Returns:
        The names. `search_table` is empty if the stage has no search.
    """
    variables = settings.get("aws_environment_variables", {})
    has_search = settings.get("search", False)
    return {
        "stage": stage,
        "region": settings["aws_region"],
        "function": f"{stage}-itsm-api-handler",
        "role": f"{stage}-itsm-lambda-role",
        "boundary": f"{stage}-itsm-boundary",
        "table": variables.get("TABLE_NAME", f"{stage}-itsm-tickets"),
        "search_table": f"{stage}-itsm-search" if has_search else "",
        "stream_handler": f"{stage}-itsm-stream-handler",
        "stream_role": f"{stage}-itsm-stream-role",
        "stream_boundary": f"{stage}-itsm-stream-boundary",
    }


def render(policy: str, account: str, names: dict[str, str]) -> str:
    """Return a policy of a stage as JSON, without search if the stage has no search.

    Args:
        policy: The name of the policy's file in this folder.
        account: The AWS account, 12 digits.
        names: The result of `names`.

    Raises:
        KeyError: The file has a placeholder other than `account`, `bucket` and the keys of `names`.
        NoSearch: The whole policy is for search, and the stage has no search.
    """
    document = json.loads((HERE / policy).read_text())
    if not names["search_table"]:
        document = _without_search(document)
    if document is None:
        raise NoSearch(f"{policy} is for stages with search, and {names['stage']} has no search.")
    bucket = bucket_name(account, names["region"])
    text = json.dumps(document, indent=4)
    return Template(text).substitute(names, account=account, bucket=bucket)


def _without_search(node: Any) -> Any:
    """Return a part of a policy without what only search needs. None: nothing is left."""
    if isinstance(node, str):
        return None if FOR_SEARCH.search(node) else node
    if isinstance(node, list):
        return [kept for item in node if (kept := _without_search(item)) is not None] or None
    members = {name: _without_search(value) for name, value in node.items()}
    return None if None in members.values() else members


def policy_arn(account: str, name: str) -> str:
    """Return the ARN of a policy of the account."""
    return f"arn:aws:iam::{account}:policy/{name}"


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
    try:
        print(render(policy, account, names(stage, settings[stage])))  # noqa: T201
    except NoSearch as error:
        sys.exit(str(error))
