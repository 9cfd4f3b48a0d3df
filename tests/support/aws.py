"""A local AWS that enforces IAM, behind a proxy that stands for the Internet."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import requests

from tests.support.ports import free_port

from .internet import LOOPBACK, Internet

ROOT = Path(__file__).parent.parent.parent
ACCOUNT = "123456789012"
REGION = "us-east-1"
# The default quota of an account.
ACCOUNT_CONCURRENCY = 1000
HOSTS = f"*.execute-api.{REGION}.amazonaws.com"
CUSTOM_DOMAIN = "tickets.example.com"
START_SECONDS = 20

# The environment variables with AWS credentials that boto3 and the AWS CLI read.
Keys = dict[str, str]


class Aws:
    """An AWS account in a local AWS. All files are in the folder `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.root = _keys(f"AKIA{secrets.token_hex(8).upper()}", secrets.token_hex(20))
        self.internet = Internet(home, self.port, HOSTS, CUSTOM_DOMAIN)
        with (home / "engine.log").open("w") as log:
            self.engine = subprocess.Popen(
                [sys.executable, "-m", "tests.support.aws_engine", str(os.getpid())],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "STATE_DIR": str(self.home),
            "TMPDIR": str(self.home),
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": LOOPBACK,
            "IOT_MTLS_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent",
            "AUTH": "true",
            # The host names of API Gateway end with this domain.
            "MINISTACK_HOST": f"{REGION}.amazonaws.com",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "LAMBDA_ACCOUNT_CONCURRENCY": str(ACCOUNT_CONCURRENCY),
            **self.root,
        }

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.engine.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError((self.home / "engine.log").read_text())

    def stop(self) -> None:
        self.engine.terminate()
        self.engine.wait(timeout=20)
        self.internet.stop()

    def client(self, service: str, keys: Keys | None = None) -> Any:
        """Return a boto3 client with `keys`, by default with the keys of the root user."""
        keys = keys or self.root
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=f"http://{LOOPBACK}:{self.port}",
            **{name.lower(): value for name, value in keys.items()},
        )

    def make_policy(self, name: str, policy: str) -> str:
        """Create a policy from a JSON text. Return its ARN."""
        created = self.client("iam").create_policy(PolicyName=name, PolicyDocument=policy)
        return str(created["Policy"]["Arn"])

    def make_user(self, name: str, policy: str) -> Keys:
        """Create a user with this policy, a JSON text. Return the user's keys."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.attach_user_policy(UserName=name, PolicyArn=self.make_policy(name, policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return _keys(key["AccessKeyId"], key["SecretAccessKey"])

    def keys_of_role(self, role: str) -> Keys:
        """Return the keys that a Lambda with this role gets.

        In ministack the root user can assume the role. In AWS only the services can.
        """
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        assumed = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="rehearsal")
        credentials = assumed["Credentials"]
        return {
            **_keys(credentials["AccessKeyId"], credentials["SecretAccessKey"]),
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
        }

    def actions_of(self, keys: Keys) -> set[str]:
        """Return the IAM actions that the owner of these keys has used with success."""
        lines = (self.home / "decisions.jsonl").read_text().splitlines()
        decisions = [json.loads(line) for line in lines]
        key = keys["AWS_ACCESS_KEY_ID"]
        return {
            decision["action"]
            for decision in decisions
            if decision["key"] == key and decision["allowed"]
        }

    def session(self) -> requests.Session:
        """Return a session for API clients. All its requests go through the proxy."""
        session = requests.Session()
        session.trust_env = False
        session.proxies = {"https": self.internet.url}
        session.verify = str(self.internet.certificates)
        return session


def _keys(key: str, secret: str) -> Keys:
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}


@contextmanager
def local_aws(home: Path) -> Iterator[Aws]:
    """Run an empty local AWS with its files in `home`, and stop it at the end."""
    aws = Aws(home)
    try:
        aws.wait_until_up()
        yield aws
    finally:
        aws.stop()
