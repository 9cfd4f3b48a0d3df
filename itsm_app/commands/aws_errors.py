"""What to do about the errors that people meet who run a command.

The codes: "Common errors" in the API References of DynamoDB and STS; the names without "Exception"
at their end are botocore's.
"""

from __future__ import annotations

from ..config import REGION, TABLE_NAME
from ..storage.errors import StorageUnavailable

REMEDIES = {
    "AccessDeniedException": "these AWS credentials may not do that; ask for the right, or use"
    " others",
    "ExpiredToken": "these AWS credentials have expired; sign in again",
    "ExpiredTokenException": "these AWS credentials have expired; sign in again",
    "InvalidClientTokenId": "these AWS credentials are not valid; sign in again",
    "NoCredentialsError": "there are no AWS credentials; sign in, or set AWS_PROFILE",
    "ProfileNotFound": "there is no such AWS profile; correct AWS_PROFILE",
    "SSOTokenLoadError": "you are not signed in; run `aws sso login`",
    "UnauthorizedSSOTokenError": "your sign-in has expired; run `aws sso login`",
    "UnrecognizedClientException": "these AWS credentials are not valid; sign in again",
}


def remedy(error: StorageUnavailable | ValueError) -> str:
    """Return what to do about an error of DynamoDB's, or what is wrong."""
    if not isinstance(error, StorageUnavailable):
        # botocore's word on an AWS_ENDPOINT_URL_DYNAMODB that is no URL.
        return str(error)
    if error.cause == "ResourceNotFoundException":
        return f"there is no table {TABLE_NAME} in {REGION}; correct TABLE_NAME or REGION"
    return REMEDIES.get(error.cause, f"DynamoDB refused or did not answer ({error.cause})")
