"""moto's DynamoDB on a loopback port, with faults that a test injects."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from io import BytesIO
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import moto.core.request
import moto.core.responses
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.handlers import BUILTIN_HANDLERS
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.utils import method_names_from_class
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.responses import DynamoHandler
from werkzeug import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Fault = Callable[["FaultyDynamoDB"], WSGIApplication]


_project = Item.project


def _project_quickly(self: Item, paths: list[list[str]]) -> Item:
    """Return an item with only some attributes.

    For each attribute, moto's own method converts the whole item, which takes half of the CPU time
    of a query of an index.
    """
    if any(len(path) > 1 for path in paths):
        return _project(self, paths)
    item = Item(self.hash_key, self.range_key, {})
    item.attrs.update({name: self.attrs[name] for (name,) in paths if name in self.attrs})
    return item


Item.project = _project_quickly  # type: ignore[method-assign, assignment]
# moto looks for the names of the operations again at each request.
moto.core.responses.method_names_from_class = cache(method_names_from_class)  # type: ignore[attr-defined]


class _Request(moto.core.request.Request):
    from_wsgi_server = True


ITEM_OPERATIONS = {
    "BatchGetItem": DynamoHandler.batch_get_item,
    "BatchWriteItem": DynamoHandler.batch_write_item,
    "DeleteItem": DynamoHandler.delete_item,
    "GetItem": DynamoHandler.get_item,
    "PutItem": DynamoHandler.put_item,
    "Query": DynamoHandler.query,
    "Scan": DynamoHandler.scan,
    "UpdateItem": DynamoHandler.update_item,
}


def _perform(headers: Mapping[str, str], body: bytes) -> bytes | None:
    """Let moto perform an operation on items, and return the body of the response.

    moto would also look up the shape of each member of the request and of the response, which takes
    half of the CPU time of a request. Items have the same form inside and outside of moto, except
    for binary values.

    Returns:
        None if `DynamoHandler.dispatch` must answer: other operations, errors and binary values.
    """
    operation = ITEM_OPERATIONS.get(headers["X-Amz-Target"].rpartition(".")[2])
    if operation is None:
        return None
    handler = DynamoHandler()
    handler.region = headers["Authorization"].split("/")[2]
    handler.current_account = DEFAULT_ACCOUNT_ID
    handler.body = handler.params = json.loads(body)
    try:
        return json.dumps(operation(handler).result).encode()
    except Exception:
        return None


@_Request.application
def pass_on(request: Any) -> Response:
    content = _perform(request.headers, request.data)
    if content is not None:
        return Response(content, 200, {"x-amzn-RequestId": str(uuid4())})
    status, headers, body = DynamoHandler.dispatch(request, request.url, request.headers)
    return Response(body, status, headers)


def apply(engine: FaultyDynamoDB) -> WSGIApplication:
    """Answer without a fault, to let a request succeed before a request that fails."""
    return pass_on


def at(operation: str, fault: Fault) -> Fault:
    """Apply a fault to the next request of an operation. The requests before it succeed."""

    def wait(engine: FaultyDynamoDB) -> WSGIApplication:
        if engine.operations[-1] == operation:
            return fault(engine)
        engine.faults.appendleft(wait)
        return apply(engine)

    return wait


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
        connection: socket.socket = environ["connection"]
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())
        raise ConnectionResetError

    return app


def cut_short(engine: FaultyDynamoDB) -> WSGIApplication:
    """Close the connection before the response is complete."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "1000")])
        yield b"{}"
        environ["connection"].shutdown(socket.SHUT_RDWR)

    return app


def hang(engine: FaultyDynamoDB) -> WSGIApplication:
    """Do not answer until the server stops."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        engine.released.wait()
        raise ConnectionResetError

    return app


def forget_requests() -> None:
    """Delete the recorded requests, so that the garbage collector does not look at them."""
    for engine in _running.values():
        engine.operations.clear()
        engine.bodies.clear()


def delete_all_items(table_name: str | None = None) -> None:
    """Delete all items of moto's tables, or of one of them, without stream records."""
    for account in dynamodb_backends.values():
        for region in account.values():
            for name, table in region.tables.items():
                if table_name in (None, name):
                    table.items.clear()


class _Server(ThreadingTCPServer):
    """A server of a WSGI application for botocore, with less than half of werkzeug's CPU time.

    Its connections stay open, as those of DynamoDB do.
    """

    daemon_threads = True

    def __init__(self, app: WSGIApplication) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.app = app

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do not print the tracebacks of connections that a fault dropped."""


class _Handler(StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        while head := list(iter(self._read_line, "")):
            method, path, _ = head[0].split(" ")
            self._answer(method, path, dict(line.split(": ", 1) for line in head[1:]))

    def _read_line(self) -> str:
        return self.rfile.readline().decode("latin1").rstrip("\r\n")

    def _answer(self, method: str, path: str, headers: dict[str, str]) -> None:
        environ = _environ(method, path, headers["Host"], headers)
        environ |= {"wsgi.input": self.rfile, "connection": self.connection}
        head: list[str] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            head[:] = [f"HTTP/1.1 {status}", *map(": ".join, headers), "", ""]

        for part in self.server.app(environ, start_response):
            self.wfile.write("\r\n".join(head).encode() + part)
            head.clear()


def _environ(method: str, path: str, host: str, headers: dict[str, str]) -> WSGIEnvironment:
    name, _, port = host.partition(":")
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": name,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": headers["Content-Type"],
        "CONTENT_LENGTH": headers["Content-Length"],
        "wsgi.url_scheme": "http",
        **{f"HTTP_{name.upper().replace('-', '_')}": headers[name] for name in headers},
    }


def _answer_without_network(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
    """Let moto answer a request of this process that gets no fault.

    Without the loopback connection, the fast suite takes a fifth less CPU. moto's own decorator
    `mock_aws` uses the same event of botocore.
    """
    url = urlsplit(request.url)
    engine = _running.get(url.netloc)
    # moto has no TLS: botocore reports the error of an https address itself.
    if engine is None or engine.faults or url.scheme != "http":
        return None
    headers = {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in request.headers.items()
    }
    engine.record(headers["X-Amz-Target"], request.body)
    content = _perform(headers, request.body)
    if content is not None:
        response_headers = {"x-amzn-RequestId": str(uuid4())}
        return AWSResponse(request.url, 200, response_headers, MockRawResponse(content))
    environ = _environ(request.method, url.path, url.netloc, headers)
    sent = _Request(environ | {"wsgi.input": BytesIO(request.body)})
    status, response_headers, body = DynamoHandler.dispatch(sent, sent.url, sent.headers)
    return AWSResponse(request.url, status, response_headers, MockRawResponse(body))


BUILTIN_HANDLERS.append(("before-send.dynamodb", _answer_without_network))
_running: dict[str, FaultyDynamoDB] = {}


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
        self._server = _Server(self._app)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self._address = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self._address}"
        _running[self._address] = self

    def record(self, target: str, body: bytes) -> None:
        self.operations.append(target.rpartition(".")[2])
        self.bodies.append(json.loads(body))

    def stop(self) -> None:
        del _running[self._address]
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = BytesIO(body)
        self.record(environ["HTTP_X_AMZ_TARGET"], body)
        app = self.faults.popleft()(self) if self.faults else pass_on
        return app(environ, start_response)
