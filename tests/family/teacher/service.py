"""A small real service on loopback that answers chat completions, or does what a test tells it."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: Status, headers and body of an answer.
Answer = tuple[int, dict[str, str], bytes]


def said(text: str, finish: str = "stop", **message: object) -> Answer:
    """What a service answers."""
    choice = {"index": 0, "finish_reason": finish, "message": {"content": text, **message}}
    usage = {"prompt_tokens": 10, "completion_tokens": 4}
    return 200, {}, json.dumps({"choices": [choice], "usage": usage}).encode()


def fault(status: int, message: str = "", code: str | None = None, **headers: str) -> Answer:
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, body


class Service:
    """`answer` is told the prompt and how often it was asked before."""

    def __init__(self, answer: Callable[[str, int], Answer | None]) -> None:
        self.answer = answer
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.models = ["small", "large"]
        self.url = ""
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()


@contextmanager
def serving(answer: Callable[[str, int], Answer | None]) -> Iterator[Service]:
    """A service while the context lasts; where `answer` is None it cuts the connection."""
    service = Service(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = json.dumps({"data": [{"id": name} for name in service.models]}).encode()
            self._send((200, {}, body))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prompt = body["messages"][0]["content"]
            with service.lock:
                service.bodies.append(body)
                service.keys.add(self.headers["Authorization"])
                before = service.asked[prompt]
                service.asked[prompt] += 1
                service.at_once += 1
                service.most_at_once = max(service.most_at_once, service.at_once)
            answer = service.answer(prompt, before)
            with service.lock:
                service.at_once -= 1
            if answer:
                self._send(answer)
            else:
                self._send(said("half of this"), cut=True)

        def _send(self, answer: Answer, *, cut: bool = False) -> None:
            status, headers, body = answer
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection = cut

        def log_message(self, *rest: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    service.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
