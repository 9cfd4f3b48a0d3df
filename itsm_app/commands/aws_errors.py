"""What the user of a command can do about errors of AWS.

The error codes are from "Common errors" in the API References of DynamoDB and STS. Names that do
not end with "Exception" can also be exception classes of botocore.
"""

from __future__ import annotations

from ..config import REGION, TABLE_NAME
from ..storage.errors import StorageUnavailable

# By error code: what is wrong, then what to do, as the rest of a sentence after a colon.
REMEDIES = {
    "AccessDeniedException": "these AWS credentials do not have the required permission; ask for"
    " the permission, or use other credentials",
    "ExpiredToken": "these AWS credentials have expired; sign in again",
    "ExpiredTokenException": "these AWS credentials have expired; sign in again",
    "InvalidClientTokenId": "these AWS credentials are not valid; sign in again",
    "NoCredentialsError": "there are no AWS credentials; sign in, or set AWS_PROFILE",
    "ProfileNotFound": "this AWS profile does not exist; correct AWS_PROFILE",
    "SSOTokenLoadError": "you are not signed in; run `aws sso login`",
    "UnauthorizedSSOTokenError": "your sign-in has expired; run `aws sso login`",
    "UnrecognizedClientException": "these AWS credentials are not valid; sign in again",
}


def remedy(error: StorageUnavailable | ValueError) -> str:
    """Return what is wrong and what to do, as the rest of a sentence after a colon."""
    if not isinstance(error, StorageUnavailable):
        # botocore's message about an AWS_ENDPOINT_URL_DYNAMODB that is not a URL.
        return str(error)
    if error.cause == "ResourceNotFoundException":
        return f"the table {TABLE_NAME} does not exist in {REGION}; correct TABLE_NAME or REGION"
    default = f"DynamoDB rejected the request or did not respond ({error.cause})"
    return REMEDIES.get(error.cause, default)
