"""A real S3 server on loopback, moto's, which can be told to fail."""

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, Self

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

Request = tuple[str, str]
"""Method and path."""


class Server:
    """Serves until it is closed.

    `refuse` says which requests get a 503, `forbid` which a 403; `asked` are all there were."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.port}"
        self.forget()

    def forget(self) -> None:
        """Answer everything from here on, and begin to count."""
        self.refuse: Callable[[str, str], bool] = lambda method, path: False
        self.forbid: Callable[[str, str], bool] = lambda method, path: False
        self.asked: list[Request] = []

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.asked.append((method, path))
        if self.refuse(method, path):
            start("503 Service Unavailable", [("Content-Length", "0")])
            return [b""]
        if self.forbid(method, path):
            start("403 Forbidden", [("Content-Type", "text/xml")])
            return [b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"]
        found: Iterable[bytes] = self._app(environ, start)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
