"""Runs in a container without network: a name server, an HTTP server on loopback addresses, the proxy, and requests.

Reads JSON from standard input: ``conf`` (the proxy's), ``names`` (name to a list of lists of addresses, one list for
each time that it is asked), ``requests`` (raw text). Prints JSON: for each request the status line and the host that
the HTTP server heard; and the proxy's access log.
"""

import contextlib
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ANSWER = b"the server was reached"


def serve_names(names: dict[str, list[list[str]]]) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    asked: dict[tuple[str, int], int] = {}
    while True:
        query, client = server.recvfrom(2000)
        labels, at = [], 12
        while length := query[at]:
            labels.append(query[at + 1 : at + 1 + length].decode("latin-1"))
            at += 1 + length
        kind = struct.unpack(">H", query[at + 1 : at + 3])[0]
        name = ".".join(labels).lower()
        rounds = names.get(name, [[]])
        turn = asked[name, kind] = asked.get((name, kind), -1) + 1
        packed = [pack(one) for one in rounds[min(turn, len(rounds) - 1)] if (":" in one) == (kind == 28)]
        records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(one)) + one for one in packed)
        flags = 0x8180 if name in names else 0x8183
        head = query[:2] + struct.pack(">HHHHH", flags, 1, len(packed), 0, 0)
        server.sendto(head + query[12 : at + 5] + records, client)


def pack(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = ANSWER + b" as " + self.headers.get("Host", "").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


def ask(request: str) -> tuple[str, str]:
    """Send a request; give the status line, and what the server said behind the proxy."""
    answer = b""
    with socket.create_connection(("127.0.0.1", 3128)) as connection:
        connection.settimeout(1)
        with contextlib.suppress(TimeoutError, ConnectionResetError):  # the proxy keeps some connections open
            connection.sendall(request.encode("latin-1"))
            while part := connection.recv(65536):
                answer += part
    reached = answer.partition(ANSWER)[2].decode() if ANSWER in answer else ""
    return answer.partition(b"\r\n")[0].decode("latin-1"), reached


def wait_for_proxy() -> None:
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", 3128)).close()
            return
        except OSError:
            time.sleep(0.02)


def main() -> None:
    given = json.load(sys.stdin)
    threading.Thread(target=serve_names, args=[given["names"]], daemon=True).start()
    for address in ("127.0.0.1", "127.128.0.1"):
        server = ThreadingHTTPServer((address, 80), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    Path("/tmp/squid.conf").write_text(given["conf"])
    with Path("/tmp/log").open("wb") as log:
        proxy = subprocess.Popen(["squid", "-N", "-f", "/tmp/squid.conf"], stdout=log)
    wait_for_proxy()
    answers = [ask(one) for one in given["requests"]]
    proxy.kill()
    proxy.wait()
    log_text = Path("/tmp/log").read_bytes().decode("latin-1")
    print(json.dumps({"answers": answers, "log": log_text}))


main()
