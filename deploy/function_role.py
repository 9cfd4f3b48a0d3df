"""The roles of the Lambda functions, with their permissions boundaries.

Zappa creates a role without a boundary, and writes the policy of an existing role.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

# Lambda rejects a role that was created a few seconds ago ("Changes that I make are not always
# immediately visible" in the IAM User Guide).
ROLE_SETTLES_SECONDS = 10


def prepare(iam: Any, name: str, trust_policy: str, boundary: str) -> None:
    """Create a role with a boundary if it does not exist, or put the boundary on it.

    If the boundary does not exist, the role goes without one. IAM then lets an administrator write
    the role, and not a deployer.

    Args:
        iam: The boto3 client of IAM.
        name: The name of the role.
        trust_policy: The policy that says who may assume the role, as JSON.
        boundary: The ARN of the policy that is the boundary.
    """
    boundary_exists = _find(iam, iam.get_policy, PolicyArn=boundary) is not None
    limit = {"PermissionsBoundary": boundary} if boundary_exists else {}
    found = _find(iam, iam.get_role, RoleName=name)
    if found is None:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust_policy, **limit)
    elif limit and _boundary_of(found["Role"]) != boundary:
        iam.put_role_permissions_boundary(RoleName=name, **limit)


def write_policy(iam: Any, name: str, policy: str) -> None:
    """Write the policy of a role, a JSON text, if the role has another policy or none."""
    selector = {"RoleName": name, "PolicyName": "permissions"}
    found = _find(iam, iam.get_role_policy, **selector)
    if found is None or found["PolicyDocument"] != json.loads(policy):
        iam.put_role_policy(**selector, PolicyDocument=policy)


def wait_until_usable(iam: Any, name: str) -> str:
    """Wait until Lambda accepts a role that may be new. Return the ARN of the role."""
    role = iam.get_role(RoleName=name)["Role"]
    age = (datetime.now(UTC) - role["CreateDate"]).total_seconds()
    time.sleep(max(0, ROLE_SETTLES_SECONDS - age))
    return str(role["Arn"])


def _find(iam: Any, read: Any, **arguments: str) -> dict[str, Any] | None:
    try:
        return dict(read(**arguments))
    except iam.exceptions.NoSuchEntityException:
        return None


def _boundary_of(role: dict[str, Any]) -> str | None:
    arn: str | None = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return arn
