"""A site on loopback, an adapter made by hand, and a way to run scripts: what several tests of the submission use."""

import io
import json
import ssl
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[3]
SUBMISSION = ROOT / "submission"


def safetensors_bytes(values: int = 50_000) -> bytes:
    """Make the weights of a LoRA adapter of rank 16 on one module, about `values` float32 zeros."""
    width = values // 32
    shapes = {"A": [16, width], "B": [width, 16]}
    half = 4 * 16 * width
    places = {"A": [0, half], "B": [half, 2 * half]}
    header = json.dumps(
        {
            f"base_model.model.model.layers.0.self_attn.q_proj.lora_{side}.weight": {
                "dtype": "F32",
                "shape": shapes[side],
                "data_offsets": places[side],
            }
            for side in ("A", "B")
        }
    ).encode()
    return len(header).to_bytes(8, "little") + header + bytes(2 * half)


def adapter_config(**changes: object) -> bytes:
    """Make the config of that adapter."""
    config = {"peft_type": "LORA", "r": 16, "lora_alpha": 32, "target_modules": ["q_proj"], "bias": "none"}
    return json.dumps({**config, "base_model_name_or_path": "Qwen3-tiny", **changes}).encode()


def adapter_entries(prefix: str = "") -> dict[str, bytes]:
    """Give the two adapter files by their names in an archive."""
    return {
        f"{prefix}adapter_config.json": adapter_config(),
        f"{prefix}adapter_model.safetensors": safetensors_bytes(),
    }


def write_adapter(folder: Path) -> Path:
    """Put that adapter into a folder, which is made where it is not there."""
    folder.mkdir(exist_ok=True)
    for name, content in adapter_entries().items():
        (folder / name).write_bytes(content)
    return folder


def zip_bytes(entries: dict[str, bytes]) -> bytes:
    """Make a zip of the given entries; the same at any time, for it may name a test's parameter."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in entries.items():
            file.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


@dataclass(kw_only=True)
class Reply:
    """What the site answers to one request; `cut_at` closes the connection after so many bytes of the body."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None


@dataclass(kw_only=True)
class Seen:
    """One request that the site got."""

    method: str
    host: str
    path: str
    query: str
    headers: dict[str, str]


@dataclass(kw_only=True)
class Site:
    """A real HTTP server on loopback that answers by `answer` and keeps what it was asked."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answer: Callable[[Seen], Reply] = lambda seen: Reply(status=404)

    def replies(self, *replies: Reply) -> None:
        """Answer with these in turn, then with the last again and again."""
        left = list(replies)
        self.answer = lambda seen: left.pop(0) if len(left) > 1 else left[0]


def ranged(body: bytes, seen: Seen, **headers: str) -> Reply:
    """Answer like a file server that knows Range and If-Range."""
    wanted = seen.headers.get("Range")
    if not wanted or seen.headers.get("If-Range", headers.get("ETag")) != headers.get("ETag"):
        return Reply(body=body, headers=headers)
    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
    content_range = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
    return Reply(body=body[start:], status=206, headers=headers | content_range)


def make_handler(site: Site, context: ssl.SSLContext | None) -> type[BaseHTTPRequestHandler]:
    """Make the handler of a site; with a TLS context it is also the proxy that takes the place of every https host."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_CONNECT(self) -> None:
            assert context is not None
            self.send_response(200, "Connection established")
            self.end_headers()
            self.request = context.wrap_socket(self.connection, server_side=True)
            self.setup()
            self.close_connection = False

        def finish(self) -> None:
            super().finish()
            if isinstance(self.request, ssl.SSLSocket):
                self.request.close()

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            seen = Seen(
                method=self.command,
                host=self.headers["Host"],
                path=parts.path,
                query=parts.query,
                headers=dict(self.headers.items()),
            )
            site.seen.append(seen)
            reply = site.answer(seen)
            self.send_response(reply.status)
            for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(reply.body[: reply.cut_at])
            self.close_connection = reply.cut_at is not None

        do_HEAD = do_GET  # noqa: N815

    return Handler


def serve(context: ssl.SSLContext | None = None) -> Iterator[Site]:
    """Run a site while the test lasts."""
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(site, context))
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


def run_script(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it prints."""
    return subprocess.run(
        list(map(str, command)), check=False, capture_output=True, text=True, **{"timeout": 120, **options}
    )
