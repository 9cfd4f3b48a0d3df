"""The permission of Amazon Connect to invoke the alias of the function.

The function's policy has one statement for each instance that `CONNECT_INSTANCES` lists.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from click import ClickException, echo

from itsm_app.config import InvalidSetting
from itsm_app.connect import contact

from . import limits
from .releases import ALIAS

# The statements with this beginning belong to this module. Others stay as they are.
STATEMENT_PREFIX = "itsm-connect-"
PRINCIPAL = "connect.amazonaws.com"
ACTION = "lambda:InvokeFunction"


def check_setting(cli: Any) -> None:
    """Raise `ClickException` if `CONNECT_INSTANCES` in the settings is malformed."""
    try:
        _instances(cli)
    except InvalidSetting as error:
        raise ClickException(
            f"The stage {cli.api_stage} in zappa_settings.json: {error}."
        ) from None


def variables(cli: Any) -> dict[str, str]:
    """Return an empty `CONNECT_INSTANCES` if the settings no longer have the variable.

    Zappa keeps variables that the settings do not have. The function would then still accept events
    of these instances.
    """
    name = "CONNECT_INSTANCES"
    is_left_over = name not in cli.aws_environment_variables and limits.current_variables(cli).get(
        name
    )
    return {name: ""} if is_left_over else {}


def grant(cli: Any) -> None:
    """Let exactly the instances of `CONNECT_INSTANCES` invoke the alias.

    Remove statements of other instances, and replace statements that somebody has changed.
    """
    client, selector = (
        cli.zappa.lambda_client,
        {"FunctionName": cli.lambda_name, "Qualifier": ALIAS},
    )
    wanted = {_statement_id(arn): arn for arn in _instances(cli)}
    missing = {*wanted}
    for statement in _own_statements(client, selector):
        name = statement["Sid"]
        if name in wanted and _admits_only(statement, wanted[name]):
            missing.remove(name)
        else:
            client.remove_permission(StatementId=name, **selector)
    for name in sorted(missing):
        client.add_permission(
            StatementId=name,
            Action=ACTION,
            Principal=PRINCIPAL,
            SourceArn=wanted[name],
            SourceAccount=_account(wanted[name]),
            **selector,
        )
    if wanted:
        function = client.get_alias(FunctionName=cli.lambda_name, Name=ALIAS)["AliasArn"]
        echo(f"Amazon Connect may invoke {function} from {', '.join(sorted(wanted.values()))}.")


def _instances(cli: Any) -> frozenset[str]:
    return contact.parse_instances(cli.aws_environment_variables.get("CONNECT_INSTANCES", ""))


def _own_statements(client: Any, selector: dict[str, str]) -> list[dict[str, Any]]:
    try:
        policy = json.loads(client.get_policy(**selector)["Policy"])
    except client.exceptions.ResourceNotFoundException:
        return []
    return [each for each in policy["Statement"] if each["Sid"].startswith(STATEMENT_PREFIX)]


def _statement_id(arn: str) -> str:
    # A statement ID has at most 100 characters and no colon ("AddPermission" in the Lambda API
    # Reference).
    return STATEMENT_PREFIX + hashlib.sha256(arn.encode()).hexdigest()[:32]


def _admits_only(statement: dict[str, Any], arn: str) -> bool:
    """Return whether a statement lets exactly this instance invoke the alias."""
    content = {name: statement[name] for name in ("Effect", "Principal", "Action")}
    # Lambda writes the keys of conditions in several spellings.
    conditions = {
        operator: {key.lower(): value for key, value in values.items()}
        for operator, values in statement.get("Condition", {}).items()
    }
    return content == {
        "Effect": "Allow",
        "Principal": {"Service": PRINCIPAL},
        "Action": ACTION,
    } and (
        conditions
        == {
            "ArnLike": {"aws:sourcearn": arn},
            "StringEquals": {"aws:sourceaccount": _account(arn)},
        }
    )


def _account(arn: str) -> str:
    return arn.split(":")[4]
