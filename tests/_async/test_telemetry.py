"""Tests of OpenTelemetry: each attempt creates one span, and a hook can redact the URL in it."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor, RequestInfo
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span

from haut_ext import AsyncHaut, redact_url
from haut_ext.sandbox import Sandbox, faults
from tests.support.sandbox_photos import PHOTO, add_photo

pytestmark = pytest.mark.usefixtures("short_backoff")

Instrument = Callable[..., InMemorySpanExporter]
SECRETS = ("X-Goog", "Signature", "Bearer", "/haut-sandbox/", "Ada", "Lovelace")


@pytest.fixture
def instrument() -> Iterator[Instrument]:
    """A function that instruments httpx and returns a span exporter."""
    with ExitStack() as opened:

        def instrument(**options: Any) -> InMemorySpanExporter:
            exporter = InMemorySpanExporter()
            provider = TracerProvider()
            opened.callback(provider.shutdown)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            instrumentor = HTTPXClientInstrumentor()
            instrumentor.instrument(tracer_provider=provider, **options)
            opened.callback(instrumentor.uninstrument)
            return exporter

        yield instrument


async def redact(span: Span, request: RequestInfo) -> None:
    url = redact_url(request.url)  # as in docs/reliability.md
    span.set_attribute("http.url", url)
    span.set_attribute("url.full", url)


def statuses(spans: tuple[ReadableSpan, ...]) -> list[object]:
    return [(span.attributes or {}).get("http.status_code") for span in spans]


async def test_each_attempt_has_a_span_without_secrets_when_the_hook_redacts_urls(
    sandbox: Sandbox, instrument: Instrument
) -> None:
    exporter = instrument(request_hook=redact, async_request_hook=redact)
    stored = add_photo(sandbox)
    tokens: list[str] = []

    def token() -> str:
        tokens.append(sandbox.issue_token())
        return tokens[-1]

    async with AsyncHaut(**{**sandbox.credentials, "token": token}) as haut:  # type: ignore[arg-type]
        sandbox.faults.add("list_subjects", faults.status(503))
        sandbox.faults.add("list_subjects", faults.reset())
        sandbox.faults.add("list_subjects", faults.unauthorized())
        await haut.subjects.list("Ada Lovelace")
        spans = exporter.get_finished_spans()
        assert statuses(spans) == [503, None, 401, 200]

        exporter.clear()
        sandbox.faults.add("upload_image", faults.status(500))
        sandbox.faults.add("download_image", faults.truncated())
        await haut.images.upload(stored.subject, PHOTO)
        await haut.images.download(stored.image, io.BytesIO())
        spans += exporter.get_finished_spans()
        assert statuses(spans[4:]) == [201, 500, 200, 200, 200, 200]
    assert sandbox.faults.pending == []

    exported = "\n".join(span.to_json() for span in spans)
    assert sandbox.base_url in exported
    assert sandbox.storage_url in exported
    assert str(stored.image) in exported
    assert len(tokens) == 2
    for secret in (*tokens, *SECRETS):
        assert secret not in exported


async def test_without_the_hook_spans_have_complete_urls_and_only_the_log_is_redacted(
    sandbox: Sandbox, instrument: Instrument, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    exporter = instrument()
    stored = add_photo(sandbox)
    async with AsyncHaut(**sandbox.credentials) as haut:
        await haut.subjects.list("Lovelace")
        await haut.images.download(stored.image, io.BytesIO())
    urls = [str((span.attributes or {})["http.url"]) for span in exporter.get_finished_spans()]
    assert "q=Lovelace" in urls[0]
    assert "X-Goog-Signature" in urls[-1]
    assert "httpx" in {record.name for record in caplog.records}
    for secret in (*SECRETS, sandbox.credentials["token"]):
        assert secret not in caplog.text
