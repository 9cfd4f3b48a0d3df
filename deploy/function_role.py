"""The role of the Lambda function, with its permissions boundary.

Zappa creates a role without a boundary, and writes the policy of an existing role.
"""

from __future__ import annotations

from typing import Any


def prepare(cli: Any, boundary: str) -> None:
    """Create the role with a boundary if it does not exist, or put the boundary on it.

    If the boundary does not exist, the role goes without one. IAM then lets an administrator write
    the role, and not a deployer.

    Args:
        cli: The `ZappaCLI`.
        boundary: The ARN of the policy that is the boundary.
    """
    iam = cli.zappa.iam_client
    boundary_exists = _find(iam, iam.get_policy, PolicyArn=boundary) is not None
    limit = {"PermissionsBoundary": boundary} if boundary_exists else {}
    name = cli.zappa.role_name
    found = _find(iam, iam.get_role, RoleName=name)
    if found is None:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=cli.zappa.assume_policy, **limit)
    elif limit and _boundary_of(found["Role"]) != boundary:
        iam.put_role_permissions_boundary(RoleName=name, **limit)


def _find(iam: Any, read: Any, **arguments: str) -> dict[str, Any] | None:
    try:
        return dict(read(**arguments))
    except iam.exceptions.NoSuchEntityException:
        return None


def _boundary_of(role: dict[str, Any]) -> str | None:
    arn: str | None = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return arn
