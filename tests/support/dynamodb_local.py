"""Run Amazon's DynamoDB Local as a child process on loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import free_port

HOME = Path(__file__).parent.parent.parent / ".cache" / "dynamodb-local"
SETTINGS = Path(__file__).with_name("dynamodb_local.xml")


@contextmanager
def dynamodb_local() -> Iterator[str]:
    """Start an empty, in-memory DynamoDB Local and yield its URL."""
    if not HOME.exists():
        raise FileNotFoundError("DynamoDB Local is missing. Run .ci/dynamodb-local first.")
    command = ["java", "-Djava.library.path=DynamoDBLocal_lib", "-Dorg.eclipse.jetty.LEVEL=INFO"]
    command += ["-cp", "DynamoDBLocal.jar:DynamoDBLocal_lib/*"]
    port = free_port()
    command += ["org.eclipse.jetty.xml.XmlConfiguration", str(SETTINGS), f"port={port}"]
    with subprocess.Popen(command, cwd=HOME, stderr=subprocess.PIPE, text=True) as engine:
        assert engine.stderr is not None
        try:
            # Jetty prints this line last, when it listens.
            assert any("Started @" in line for line in engine.stderr), "DynamoDB Local has exited"
            yield f"http://127.0.0.1:{port}"
        finally:
            engine.kill()
