"""Logs in JSON that carry the id of the request of your application."""

import json
import logging
from contextvars import ContextVar

import httpx

request_id = ContextVar("request_id", default="")  # your middleware sets it


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "message": record.getMessage(),
            "request_id": request_id.get(),
        }
        entry |= {name: it for name, it in vars(record).items() if name.startswith("haut_")}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def send_request_id(request: httpx.Request) -> None:
    """Event hook that sends the id to the API, but not to the storage, which gets no token."""
    if "Authorization" in request.headers:
        request.headers["X-Request-ID"] = request_id.get()
