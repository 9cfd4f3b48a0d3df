"""moto's DynamoDB on a loopback port, failing as a test tells it to."""

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
    """Do no harm, to let a request pass before one that fails."""
    return pass_on


def refuse(code: str, status: int = 400) -> Fault:
    """Answer with an error of DynamoDB's."""
    return answer(f'{{"__type": "com.amazonaws.dynamodb.v20120810#{code}"}}'.encode(), status)


def answer(body: bytes, status: int = 200) -> Fault:
    return lambda engine: Response(body, status, content_type="application/x-amz-json-1.0")


def apply_and_drop(engine: FaultyDynamoDB) -> WSGIApplication:
    """Do as asked, and lose the answer."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        list(pass_on(environ, lambda *_: lambda _: None))
        return reset(engine)(environ, start_response)

    return app


def reset(engine: FaultyDynamoDB) -> WSGIApplication:
    """Drop the connection with a RST."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        connection: socket.socket = environ["werkzeug.socket"]
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())
        raise ConnectionResetError

    return app


def cut_short(engine: FaultyDynamoDB) -> WSGIApplication:
    """End the answer before its length is reached."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "1000")])
        yield b"{}"
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)

    return app


def hang(engine: FaultyDynamoDB) -> WSGIApplication:
    """Never answer."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        engine.released.wait()
        raise ConnectionResetError

    return app


class _Server(ThreadedWSGIServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that was dropped on purpose."""


class FaultyDynamoDB:
    """`faults` are taken one a request; with none left, moto answers.

    `operations` are those that were asked for, and `bodies` what was sent with them.
    """

    def __init__(self) -> None:
        self.faults: deque[Fault] = deque()
        self.operations: list[str] = []
        self.bodies: list[Any] = []
        self.released = threading.Event()
        self._server = _Server("127.0.0.1", 0, self._app)
        self._thread = threading.Thread(target=self._server.serve_forever)
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
