"""AWS credentials, loaded at the first request instead of when the client is created.

Lambda takes its SnapStart snapshot after the client is created and before the first request. Under
SnapStart, the credentials come from a local endpoint ("Activating and managing Lambda SnapStart" in
the AWS Lambda guide). Without this module, botocore requests the credentials when the client is
created, and the snapshot contains the credentials and an open connection.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import NoCredentialsError
from botocore.session import Session


def load_late(session: Session) -> None:
    """Make clients of `session` load their credentials when they sign their first request."""
    chain = session.get_component("credential_provider")
    session.register_component("credential_provider", _LateCredentials(chain))


class _LateCredentials:
    """Plays two roles for botocore: the provider chain and the credentials.

    botocore calls `load_credentials` of a provider chain when it creates a client, and uses the
    result when it sends requests. This object returns itself as the result.
    """

    def __init__(self, chain: Any) -> None:
        self._chain = chain
        self._found: Any = None

    def load_credentials(self) -> _LateCredentials:
        return self

    def get_frozen_credentials(self) -> Any:
        # botocore calls this method for each signature. The chain returns credentials. They refresh
        # themselves before they expire.
        self._found = self._found or self._chain.load_credentials()
        if self._found is None:
            raise NoCredentialsError
        return self._found.get_frozen_credentials()
