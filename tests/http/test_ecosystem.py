"""Tests that both clients work with the tools that users combine with httpx.

The same calls are made with each tool: a search that has several pages, an upload, and a call that
fails. tests/_async/test_workflows.py covers pytest-recording.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import respx
import vcr  # type: ignore[import-untyped]
from httpx_aiohttp import AiohttpTransport
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor, RequestInfo
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span
from pytest_httpx import HTTPXMock

from haut_ext import NotFound, TransportError, redact_url
from haut_ext.photos.checks import Photo
from haut_ext.sandbox import Sandbox
from tests.support.client_runner import Client, Kind
from tests.support.sandbox_photos import PHOTO, slot_at
from tests.support.servers import Authority, Relay

NewClient = Callable[..., Client]
REQUESTS = ["list_subjects"] * 3 + ["create_signed_upload_url", "upload_image", "get_image"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1, page_size=2) as sandbox:
        sandbox.add_subjects(5, "Ada & Co")
        sandbox.add_subjects(1, "other")
        yield sandbox


def make_calls(client: Client, storage: str | None = None, unknown_id: UUID | None = None) -> None:
    """Search, read several pages, upload a photo and get an error.

    Args:
        client: The client.
        storage: Origin that replaces the origin of the signed URL.
        unknown_id: The id whose request fails.
    """
    found = client.call(lambda haut: haut.subjects.iterate("Ada & Co"))
    assert len({subject.id for subject in found}) == 5
    if storage is None:
        client.call(lambda haut: haut.images.upload(found[0].id, PHOTO))
    else:
        slot = client.call(lambda haut: haut.images.request_upload(found[0].id))
        # The signed URL is valid only for the host name of the original URL.
        host = httpx.URL(slot.upload_url.url).netloc
        hooks = {"request": [lambda request: request.headers.update({"Host": host})]}
        photo = Photo.open(PHOTO.read_bytes())
        client.call(
            lambda haut: haut.with_options(event_hooks=hooks).images.send_bytes(
                slot_at(slot, storage), photo
            )
        )
    with pytest.raises(NotFound) as caught:
        client.call(lambda haut: haut.images.get(unknown_id or uuid4()))
    assert caught.value.errors


def assert_requests(sandbox: Sandbox) -> None:
    """Check that the sandbox has received the requests of `make_calls`, each once."""
    assert [request.operation for request in sandbox.requests] == REQUESTS
    image = sandbox.snapshot()["subjects"][0]["batches"][0]["images"][0]
    assert image["sha256"] == hashlib.sha256(PHOTO.read_bytes()).hexdigest()


def forward(
    method: str, url: httpx.URL, headers: Iterable[tuple[str, str]], body: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Forward a request to the sandbox without httpx, and return the response."""
    connection = http.client.HTTPConnection(url.host, url.port)
    try:
        connection.request(method, url.raw_path.decode(), body, dict(headers))
        response = connection.getresponse()
        return response.status, response.getheaders(), response.read()
    finally:
        connection.close()


def handle(request: httpx.Request) -> httpx.Response:
    """Respond to a request as the sandbox does."""
    body = request.read()
    status, headers, content = forward(request.method, request.url, request.headers.items(), body)
    return httpx.Response(status, headers=headers, content=content)


async def handle_async(request: httpx.Request) -> httpx.Response:
    await request.aread()
    return handle(request)


@pytest.fixture
def handler(kind: Kind) -> Any:
    return handle if kind == "sync" else handle_async


def test_mock_transport(new_client: NewClient, sandbox: Sandbox, handler: Any) -> None:
    make_calls(new_client(transport=httpx.MockTransport(handler)))
    assert_requests(sandbox)


@pytest.mark.parametrize("mode", ["httpx", "httpcore"])
def test_respx(new_client: NewClient, sandbox: Sandbox, handler: Any, mode: str) -> None:
    with respx.mock(using=mode) as router:
        route = router.route().mock(side_effect=handler)
        make_calls(new_client())
    assert route.call_count == len(REQUESTS)
    assert route.calls[0].request.url.params["q"] == "Ada & Co"
    assert_requests(sandbox)


def test_pytest_httpx(
    new_client: NewClient, sandbox: Sandbox, handler: Any, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_callback(handler, is_reusable=True)
    make_calls(new_client())
    assert len(httpx_mock.get_requests()) == len(REQUESTS)
    assert_requests(sandbox)


def test_vcrpy(kind: Kind, sandbox: Sandbox, tmp_path: Path) -> None:
    recorder = vcr.VCR(match_on=["method", "path", "query", "body"], record_mode="once")
    cassette = str(tmp_path / "calls.yaml")
    unknown = uuid4()
    for _ in ("record", "replay"):
        with recorder.use_cassette(cassette), Client(kind, **sandbox.credentials) as client:
            make_calls(client, unknown_id=unknown)
    assert_requests(sandbox)  # the replay has sent no requests


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    """ASGI application that forwards requests to the sandbox."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    host, port = scope["server"]
    target = scope["raw_path"].decode() + "?" + scope["query_string"].decode()
    headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
    url = httpx.URL(f"http://{host}:{port}").copy_with(raw_path=target.rstrip("?").encode())
    status, received, content = forward(scope["method"], url, headers, body)
    encoded = [(name.encode(), value.encode()) for name, value in received]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": content})


def wsgi_app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """WSGI application that forwards requests to the sandbox."""
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-"), value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
    ]
    url = httpx.URL(
        scheme="http",
        host=environ["SERVER_NAME"],
        port=int(environ["SERVER_PORT"]),
        path=environ["PATH_INFO"],
        query=environ["QUERY_STRING"].encode() or None,
    )
    body = environ["wsgi.input"].read()
    status, received, content = forward(environ["REQUEST_METHOD"], url, headers, body)
    start_response(f"{status} -", received)
    return [content]


def test_asgi_or_wsgi_transport(new_client: NewClient, kind: Kind, sandbox: Sandbox) -> None:
    transport: object = (
        httpx.WSGITransport(wsgi_app) if kind == "sync" else httpx.ASGITransport(asgi_app)
    )
    make_calls(new_client(transport=transport))
    assert_requests(sandbox)


def test_event_hooks(new_client: NewClient, kind: Kind, sandbox: Sandbox) -> None:
    seen: list[object] = []

    async def record_async(message: httpx.Request | httpx.Response) -> None:
        seen.append(message)

    hook: Any = seen.append if kind == "sync" else record_async
    make_calls(new_client(event_hooks={"request": [hook], "response": [hook]}))
    assert [type(message) for message in seen] == [httpx.Request, httpx.Response] * len(REQUESTS)
    assert_requests(sandbox)


def redact(span: Span, request: RequestInfo) -> None:
    url = redact_url(request.url)  # as in docs/reliability.md
    span.set_attribute("http.url", url)
    span.set_attribute("url.full", url)


async def redact_async(span: Span, request: RequestInfo) -> None:
    redact(span, request)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """The spans of OpenTelemetry, with redacted URLs."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(
        tracer_provider=provider, request_hook=redact, async_request_hook=redact_async
    )
    yield exporter
    instrumentor.uninstrument()
    provider.shutdown()


def test_opentelemetry(
    new_client: NewClient, sandbox: Sandbox, spans: InMemorySpanExporter
) -> None:
    make_calls(new_client())
    assert_requests(sandbox)
    exported = [span.to_json() for span in spans.get_finished_spans()]
    assert len(exported) == len(REQUESTS)
    assert 'status_code": 404' in exported[-1]
    for secret in ("Ada", "X-Goog", "Signature", sandbox.credentials["token"]):
        assert secret not in "".join(exported)


@pytest.mark.slow
@pytest.mark.parametrize("names", ["http", "http/dup"])
def test_opentelemetry_with_other_attribute_names(names: str) -> None:
    """OpenTelemetry reads the variable once per process."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    finished = subprocess.run(
        [*command, "-k", "test_opentelemetry and not other", __file__],
        env=os.environ | {"OTEL_SEMCONV_STABILITY_OPT_IN": names},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stdout


@pytest.mark.parametrize("kind", ["async"])
def test_httpx_aiohttp(new_client: NewClient, sandbox: Sandbox) -> None:
    """The documentation recommends this transport for many concurrent requests."""
    make_calls(new_client(transport=AiohttpTransport()))
    assert_requests(sandbox)


@pytest.fixture
def https_storage(sandbox: Sandbox, authority: Authority) -> Iterator[str]:
    """Serves the sandbox's storage over TLS."""
    with Relay(sandbox.storage_url, authority.server) as relay:
        yield relay.origin


def test_certificates_of_trustme(
    new_client: NewClient, sandbox: Sandbox, https_origin: str, https_storage: str, trusted: str
) -> None:
    make_calls(new_client(base_url=https_origin), https_storage)
    assert_requests(sandbox)


class ProxyServer:
    """A proxy.py server in a process of its own.

    Attributes:
        url: URL of the proxy, with its user name and password.
        login: User name and password, separated by a colon; empty if the proxy requires none.
    """

    def __init__(self, folder: Path, authority: Authority, scheme: str, login: str) -> None:
        port_file = folder / "port"
        command = [sys.executable, "-m", "proxy", "--port", "0", "--port-file", str(port_file)]
        command += ["--num-workers", "1", "--num-acceptors", "1", "--log-level", "ERROR"]
        if login:
            command += ["--basic-auth", login]
        if scheme == "https":
            certificate, key = authority.write_certificate(folder)
            command += ["--cert-file", certificate, "--key-file", key]
        self.login = login
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        ends = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text().strip()):
            assert time.monotonic() < ends, "proxy.py did not start"
            time.sleep(0.05)
        port = port_file.read_text().split()[0]
        self.url = f"{scheme}://{login + '@' if login else ''}localhost:{port}"


@pytest.fixture(scope="module", params=["http", "https"])
def proxy_scheme(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module", params=["", "name:secret"], ids=["no password", "password"])
def proxy_server(
    request: pytest.FixtureRequest,
    proxy_scheme: str,
    authority: Authority,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ProxyServer]:
    server = ProxyServer(tmp_path_factory.mktemp("proxy"), authority, proxy_scheme, request.param)
    yield server
    server.process.terminate()
    server.process.wait(10)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["environment", "argument"])
def test_proxy_py(
    new_client: NewClient,
    sandbox: Sandbox,
    https_origin: str,
    https_storage: str,
    trusted: str,
    proxy_server: ProxyServer,
    source: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if source == "environment":
        monkeypatch.setenv("HTTPS_PROXY", proxy_server.url)
        client = new_client(base_url=https_origin)
    else:
        client = new_client(base_url=https_origin, proxy=proxy_server.url)
    make_calls(client, https_storage)
    assert_requests(sandbox)
    if proxy_server.login:
        anonymous = proxy_server.url.replace(f"{proxy_server.login}@", "")
        with pytest.raises(TransportError, match="407"):
            new_client(base_url=https_origin, proxy=anonymous).call(lambda haut: haut.algorithms())
