"""Defines `Call`, which stores the request of one API call and tracks the attempts to send it."""

from __future__ import annotations

from haut_ext._http.checksum import Checksum
from haut_ext._http.deadlines import Deadline
from haut_ext._http.download_sink import DownloadSink
from haut_ext._http.redaction import STORAGE, ids_in_path, query_values, redact_text, route
from haut_ext._http.tokens import LOGIN_PATH, TOKENLESS_PATHS, CachedToken, login_secrets
from haut_ext._httpx import httpx
from haut_ext.errors import ConfigError
from haut_ext.secret import Secret
from haut_ext.settings import Options
from haut_ext.text import escape
from haut_ext.urls import check_signed_address

Origin = tuple[str, str, int | None]

MAX_TEXT = 1000
"""Maximum number of characters of a server's text (body, header or message) in an error."""


def origin_of(url: httpx.URL) -> Origin:
    """Return the scheme, host and port of a URL.

    Raises:
        ConfigError: If the host name is invalid.
    """
    try:
        return url.scheme, url.host, url.port
    except UnicodeError:
        raise ConfigError("the URL has an invalid host name") from None


class Call:
    """A request to the API or the storage, and the state of the attempts to send it.

    Args:
        request: The caller's request, without the token.
        origin: Origin of the API.
        options: Deadline, number of retries, and longest accepted Retry-After.
        sink: Receives the body of a successful response; None to keep the body in memory.

    Attributes:
        to_api: Whether the request goes to the API; otherwise it goes to the storage.
        operation: HTTP method and route, or HTTP method and `(storage)` for a signed URL.
        deadline: Time limit of the whole call.
        attempts: Number of attempts started.
        attempt_started: Start of the latest attempt, measured by `time.monotonic`.
        maybe_carried_out: Whether an attempt may have changed data in the service.
        token: Token of the latest attempt.
        token_renewed: Whether the token was renewed after a 401 response.
        secrets: Tokens of the attempts and of earlier calls, which a response may echo.

    Raises:
        ConfigError: If the request uses plain http, unless API and host are both on loopback.
    """

    def __init__(
        self, request: httpx.Request, origin: Origin, options: Options, sink: DownloadSink | None
    ) -> None:
        self.request = request
        self.options = options
        self.sink = sink
        self.to_api = origin_of(request.url) == origin
        if not self.to_api:
            check_signed_address(str(request.url), allow_http=origin[0] == "http")
        self.operation = f"{request.method} {route(request.url.path) if self.to_api else STORAGE}"
        self.deadline = Deadline(options.deadline_for(to_api=self.to_api))
        self.attempts = 0
        self.attempt_started = self.deadline.started
        self.maybe_carried_out = False
        self.token: CachedToken | None = None
        self.token_renewed = False
        self.secrets: set[Secret] = set()

    def __str__(self) -> str:
        return self.operation + (f" [{' '.join(self.ids)}]" if self.ids else "")

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids in the path of the request URL."""
        return ids_in_path(self.request.url.path) if self.to_api else ()

    @property
    def changes_data(self) -> bool:
        return self.request.method not in ("GET", "HEAD")

    @property
    def takes_token(self) -> bool:
        return self.to_api and self.request.url.path not in TOKENLESS_PATHS

    @property
    def buffered(self) -> bool:
        """Whether the request body is in memory, as JSON is. A photo is read while it is sent."""
        return isinstance(self.request.stream, httpx.ByteStream)

    @property
    def checksum(self) -> Checksum | None:
        """Checksum of the photo that the latest attempt transferred; None for other requests."""
        photo: object = self.request.stream if self.sink is None else self.sink
        return getattr(photo, "checksum", None)

    @property
    def loggable_url(self) -> str:
        """The request URL without its query and signature, for errors and logs."""
        url = self.request.url
        path = escape(url.path) + "?[redacted]" * bool(url.query) if self.to_api else f"/{STORAGE}"
        return f"{url.scheme}://{url.netloc.decode()}{path}"

    @property
    def used_stream(self) -> str:
        """Clause that names the caller's stream that cannot be used again; empty if there is none."""
        if not (self.buffered or getattr(self.request.stream, "repeatable", False)):
            return "its body is a stream that can be read only once"
        if self.sink is not None and not self.sink.repeatable:
            return "the response is written to a stream that cannot be rewound"
        return ""

    @property
    def unrepeatable_reason(self) -> str:
        """Sentence that explains why the request cannot be sent again; empty if it can."""
        is_login = self.to_api and self.request.url.path == LOGIN_PATH
        reason = "the service blocks frequent logins" if is_login else self.used_stream
        return reason and f"The request was not sent again, because {reason}."

    def redact(self, value: object, length: int = MAX_TEXT) -> str:
        """Return the beginning of a text from the server, with secrets replaced."""
        secrets = tuple(secret.reveal() for secret in self.secrets)
        if not self.to_api:
            secrets = query_values(self.request.url)
        elif not secrets and self.buffered:
            secrets = login_secrets(self.request.read())
        text = str(value)
        # Redact before the text is truncated, so that no part of a secret remains.
        head, rest = text[: length * 4], text[length * 4 :]
        return redact_text(head, secrets, truncated=bool(rest))[:length]
