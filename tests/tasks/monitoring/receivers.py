"""Real receivers on loopback: one for HTTP, one for e-mail."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_string, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer


@dataclass
class Received:
    """Where a receiver listens, how it answers, and what it got."""

    port: int = 0
    status: int = 200
    bodies: list[dict] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@contextmanager
def http_receiver() -> Iterator[Received]:
    """Takes JSON at any path."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            received.bodies.append(json.loads(content))
            received.paths.append(self.path)
            self.send_response(received.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with _serving(HTTPServer(("127.0.0.1", 0), Handler), received):
        yield received


@contextmanager
def mail_receiver() -> Iterator[Received]:
    """Speaks as much SMTP (RFC 5321) as it takes to get an e-mail; `status` answers RCPT."""
    received = Received(status=250)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                command = line[:4].upper()
                if command == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    received.mails.append(self._mail())
                status = received.status if command == b"RCPT" else 250
                self.wfile.write(b"%d so be it\r\n" % (221 if command == b"QUIT" else status))
                if command == b"QUIT":
                    return

        def _mail(self) -> EmailMessage:
            lines = []
            while (line := self.rfile.readline().decode()) != ".\r\n":
                lines.append(line)
            return message_from_string("".join(lines), policy=policy.default)

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler), received):
        yield received


@contextmanager
def _serving(server: socketserver.TCPServer, received: Received) -> Iterator[None]:
    received.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
