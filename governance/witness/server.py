"""The witness over HTTP: one POST, one page that says who it is, and limits on what a stranger can hold.

It never speaks TLS itself (a proxy in front does), and never reads a body whose length it was not told.
"""

import logging
import socket
import socketserver
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Lock

from audits.merkle.witnessing import MAX_REQUEST_BYTES, Answer
from governance.witness.errors import WitnessError
from governance.witness.service import Witness

MAX_CONNECTIONS = 64
"""Most connections at once; further ones are closed unanswered."""

IDLE_SECONDS = 10
"""Longest wait for the next bytes of a connection."""

MAX_CONNECTION_SECONDS = 60
"""Longest life of a connection, however busy."""

logger = logging.getLogger(__name__)


class WitnessServer(ThreadingHTTPServer):
    """Listens on ``host`` and ``port`` (0: any that is free); ``address`` is where."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, witness: Witness, host: str, port: int) -> None:
        self.witness = witness
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._free = BoundedSemaphore(MAX_CONNECTIONS)
        self._open: dict[socket.socket, float] = {}
        self._guard = Lock()
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise WitnessError(f"cannot listen on {host}:{port}: {error}; choose another --listen") from None

    @property
    def address(self) -> str:
        """The address as a URL without path."""
        host, port = self.server_address[:2]
        return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"

    def server_bind(self) -> None:
        """Bind without asking the network for this host's name, as the library does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        assert isinstance(request, socket.socket)  # noqa: S101 - this server is TCP
        with self._guard:
            self._open[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        with self._guard:
            known = self._open.pop(request, None) if isinstance(request, socket.socket) else None
        super().shutdown_request(request)
        if known is not None:
            self._free.release()

    def service_actions(self) -> None:
        """End connections that have lived too long; called twice a second."""
        oldest = time.monotonic() - MAX_CONNECTION_SECONDS
        with self._guard:
            late = [connection for connection, since in self._open.items() if since < oldest]
        for connection in late:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # It ended by itself in between.

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no error worth a stack trace."""
        logger.info("A connection of %s broke off", client_address, exc_info=logger.isEnabledFor(logging.DEBUG))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "countersign-witness"
    sys_version = ""
    timeout = IDLE_SECONDS
    error_message_format = "%(message)s\n"
    error_content_type = "text/plain; charset=utf-8"
    server: WitnessServer

    def do_POST(self) -> None:
        length = self._body_length()
        if length is None:
            return
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        if self.path != "/add-checkpoint":
            self._send(Answer(status=404, body=b"POST /add-checkpoint is what a witness takes\n"))
            return
        self._send(self.server.witness.add_checkpoint(body))

    def do_GET(self) -> None:
        if self.path == "/":
            self._send(Answer(status=200, body=self.server.witness.description().encode("utf-8")))
        else:
            self._send(Answer(status=404, body=b"there is GET / and POST /add-checkpoint\n"))

    def log_message(self, format: str, *args: object) -> None:
        """What was asked and answered is logged where it is decided."""
        logger.debug("%s " + format, self.client_address[0], *args)

    def _body_length(self) -> int | None:
        """Return the length of the body; where it cannot be read, answer and end the connection."""
        lengths = self.headers.get_all("Content-Length", [])
        if self.headers.get("Transfer-Encoding") is not None or not lengths:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "send the body with its Content-Length")
        elif len(lengths) > 1 or not (lengths[0].isascii() and lengths[0].isdigit() and len(lengths[0]) <= 18):
            self._refuse(HTTPStatus.BAD_REQUEST, "Content-Length is not a number")
        elif int(lengths[0]) > MAX_REQUEST_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {MAX_REQUEST_BYTES} bytes")
        else:
            return int(lengths[0])
        return None

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        # What follows on this connection cannot be told from the body that was not read.
        self.close_connection = True
        self._send(Answer(status=status, body=f"{why}\n".encode()))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)
