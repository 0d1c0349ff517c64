"""A hub on this machine: of the Hugging Face hub's interface what huggingface_hub calls to look, list and fetch."""

import hashlib
import json
import re
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

INFO = re.compile(r"/api/(?P<kind>models|datasets)/(?P<id>[^/]+/[^/]+)(/revision/(?P<revision>[^/]+))?")
TREE = re.compile(r"/api/(?P<kind>models|datasets)/(?P<id>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)")
FILE = re.compile(r"/(?P<kind>datasets/)?(?P<id>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


@dataclass
class Repository:
    """One repository with a single commit. A gated one shows its list of files and refuses every file."""

    commit: str
    files: dict[str, bytes]
    gated: bool = False


class Hub:
    """`repositories`: "models/namespace/name" or "datasets/namespace/name" -> Repository. `fetched`: files sent."""

    def __init__(self):
        self.repositories: dict[str, Repository] = {}
        self.fetched: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                hub.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        found = FILE.fullmatch(path) or TREE.fullmatch(path) or INFO.fullmatch(path)
        kind = (found["kind"] or "models").rstrip("/")
        repository = self.repositories.get(f"{kind}/{found['id']}")
        if repository is None:
            return send(request, 404, {"X-Error-Code": "RepoNotFound"})
        if found["revision"] not in (None, "main", repository.commit):
            return send(request, 404, {"X-Error-Code": "RevisionNotFound"})
        if found.re is FILE:
            return self.send_file(request, repository, found["file"])
        entries = [
            {"type": "file", "path": name, "rfilename": name, "size": len(content), "oid": etag(content)}
            for name, content in repository.files.items()
        ]
        listed = entries if found.re is TREE else {"id": found["id"], "sha": repository.commit, "siblings": entries}
        return send(request, 200, {"Content-Type": "application/json"}, json.dumps(listed).encode())

    def send_file(self, request: BaseHTTPRequestHandler, repository: Repository, name: str) -> None:
        if repository.gated:
            return send(request, 403, {"X-Error-Code": "GatedRepo"})
        content = repository.files.get(name)
        if content is None:
            return send(request, 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": repository.commit})
        if request.command == "GET":
            self.fetched.append(name)
        return send(request, 200, {"ETag": f'"{etag(content)}"', "X-Repo-Commit": repository.commit}, content)


def etag(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def send(request: BaseHTTPRequestHandler, code: int, headers: dict[str, str], content: bytes = b"") -> None:
    request.send_response(code)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    if request.command == "GET":
        request.wfile.write(content)
