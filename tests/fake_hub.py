"""A hub on this machine: enough of the Hugging Face hub's HTTP interface to ask for a model and to download it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def fake_hub(models: dict[str, Path], refusals: dict[str, tuple[int, str]]) -> Iterator[tuple[str, list[str]]]:
    """Serve `models` by id, and refuse others with a status and one of the hub's error codes.

    Yields:
        The address, and the list of requested paths, which grows.
    """
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0].strip("/")
            is_api = path.startswith("api/models/")
            if not is_api and "/resolve/" not in path:  # the client reports its environment; nothing here depends on it
                return self.answer(404, b"", {})
            seen.append(path)
            org, name, *rest = path.removeprefix("api/models/").split("/")
            repo = f"{org}/{name}"
            if repo in refusals or repo not in models or rest[:2] == ["revision", "missing"]:
                status, code = refusals.get(repo, (404, "RevisionNotFound" if repo in models else "RepoNotFound"))
                return self.answer(status, b"", {"X-Error-Code": code})
            files = sorted(f for f in models[repo].iterdir() if f.is_file())
            if is_api and "tree" in rest:
                return self.json([{"type": "file", "path": f.name, "size": f.stat().st_size, "oid": ""} for f in files])
            if is_api:
                return self.json({"id": repo, "sha": COMMIT, "siblings": [{"rfilename": f.name} for f in files]})
            content = (models[repo] / rest[-1]).read_bytes()
            etag = hashlib.sha256(content).hexdigest()
            return self.answer(200, content, {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'})

        do_HEAD = do_GET

        def json(self, content: Any) -> None:
            self.answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
