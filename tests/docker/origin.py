"""An HTTP and HTTPS server on this machine that behaves as file hosts do, well and badly."""

import socket
import ssl
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

PART = b"x" * 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where it listens: `http` and `https` are ``ADDRESS:PORT``, `folder` is what it serves, with ``ca.pem`` in it."""

    http: str
    https: str
    folder: Path


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.asked: Counter[str] = Counter()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients here go away in the middle."""


class _Handler(SimpleHTTPRequestHandler):
    """Files of the folder, with ranges, and under ``/as/`` what a path's words ask for."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        words = unquote(self.path).split("/", 3)
        if words[1] == "as":
            getattr(self, f"_{words[2]}")(*words[3:])
        elif self.headers.get("Range"):
            self._range()
        else:
            super().do_GET()

    def do_HEAD(self) -> None:
        if "/resolve/" in self.path:  # what the client of a model hub asks first
            self.send_response(200)
            size = Path(self.translate_path(self.path)).stat().st_size
            for name, value in (("ETag", '"e1"'), ("X-Repo-Commit", "c" * 40), ("Content-Length", str(size))):
                self.send_header(name, value)
            self.end_headers()
        else:
            super().do_HEAD()

    def _range(self) -> None:
        content = Path(self.translate_path(self.path)).read_bytes()
        start = int(self.headers["Range"].removeprefix("bytes=").partition("-")[0])
        self._send(206, content[start:], {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _headers(self) -> None:
        self._send(200, str(self.headers).encode(), {})

    def _status(self, status: str) -> None:
        self._send(int(status), f"this is {status}\n".encode(), {"Retry-After": "7"})

    def _redirect(self, to: str) -> None:
        self._send(302, b"", {"Location": to})

    def _megabytes(self, count: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(int(count) << 20))
        self.end_headers()
        for _ in range(int(count) * 16):
            self.wfile.write(PART)

    def _chunked(self, count: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(int(count)):
            self.wfile.write(b"7\r\npart %02d\r\n" % number)
        self.wfile.write(b"0\r\n\r\n")

    def _slow(self, seconds: str) -> None:
        time.sleep(float(seconds))
        self._send(200, b"at last\n", {})

    def _flaky(self, words: str) -> None:
        """Answer ``TIMES/STATUS/NAME``: the first few times with the status, then with the file of that name."""
        times, status, name = words.split("/")
        seen = self.server.asked[words] = self.server.asked[words] + 1
        if seen <= int(times):
            self._status(status)
        else:
            self._send(200, (Path(self.directory) / name).read_bytes(), {})

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(PART)
        self.close_connection = True

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"more\n")
            time.sleep(0.05)


@contextmanager
def origin(address: str, folder: Path) -> Iterator[Origin]:
    """Serve `folder` at `address`, over HTTP and, with a certificate of its own, HTTPS."""
    key = folder.parent / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=origin"]
    command += ["-addext", f"subjectAltName=IP:{address}", "-keyout", str(key), "-out", str(folder / "ca.pem")]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", key)
    servers = [_Server((address, 0), partial(_Handler, directory=str(folder))) for _ in range(2)]
    servers[1].socket = context.wrap_socket(servers[1].socket, server_side=True, do_handshake_on_connect=False)
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        plain, secure = (f"{address}:{server.server_port}" for server in servers)
        yield Origin(http=plain, https=secure, folder=folder)
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
