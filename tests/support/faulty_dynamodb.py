"""moto's DynamoDB on a loopback port, with faults that a test injects."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any

import moto.core.request
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.responses import DynamoHandler
from werkzeug import Response
from werkzeug.serving import ThreadedWSGIServer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Fault = Callable[["FaultyDynamoDB"], WSGIApplication]


class _Request(moto.core.request.Request):
    from_wsgi_server = True


@_Request.application
def pass_on(request: Any) -> Response:
    status, headers, body = DynamoHandler.dispatch(request, request.url, request.headers)
    return Response(body, status, headers)


def apply(engine: FaultyDynamoDB) -> WSGIApplication:
    """Answer without a fault, to let a request succeed before a request that fails."""
    return pass_on


def refuse(code: str, status: int = 400) -> Fault:
    """Return a fault that answers with this DynamoDB error."""
    return answer(f'{{"__type": "com.amazonaws.dynamodb.v20120810#{code}"}}'.encode(), status)


def answer(body: bytes, status: int = 200) -> Fault:
    """Return a fault that answers with this body."""
    return lambda engine: Response(body, status, content_type="application/x-amz-json-1.0")


def apply_and_drop(engine: FaultyDynamoDB) -> WSGIApplication:
    """Apply the request and drop the connection instead of answering."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        list(pass_on(environ, lambda *_: lambda _: None))
        return reset(engine)(environ, start_response)

    return app


def reset(engine: FaultyDynamoDB) -> WSGIApplication:
    """Drop the connection with a TCP RST."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        connection: socket.socket = environ["werkzeug.socket"]
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())
        raise ConnectionResetError

    return app


def cut_short(engine: FaultyDynamoDB) -> WSGIApplication:
    """Close the connection before the response is complete."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "1000")])
        yield b"{}"
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)

    return app


def hang(engine: FaultyDynamoDB) -> WSGIApplication:
    """Do not answer until the server stops."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        engine.released.wait()
        raise ConnectionResetError

    return app


def delete_all_items() -> None:
    """Delete all items of moto's tables."""
    for account in dynamodb_backends.values():
        for region in account.values():
            for table in region.tables.values():
                table.items.clear()


class _Server(ThreadedWSGIServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do not print the tracebacks of connections that a fault dropped."""


class FaultyDynamoDB:
    """A DynamoDB server that applies one fault of `faults` to each request.

    Without faults, moto answers. `operations` and `bodies` hold the operation and the body of each
    request.
    """

    def __init__(self) -> None:
        self.faults: deque[Fault] = deque()
        self.operations: list[str] = []
        self.bodies: list[Any] = []
        self.released = threading.Event()
        self._server = _Server("127.0.0.1", 0, self._app)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.port}"

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.operations.append(environ["HTTP_X_AMZ_TARGET"].rpartition(".")[2])
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = BytesIO(body)
        self.bodies.append(json.loads(body))
        app = self.faults.popleft()(self) if self.faults else pass_on
        return app(environ, start_response)
