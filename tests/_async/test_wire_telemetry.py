"""What a user of OpenTelemetry sees: a span for every attempt, and nothing in it that is secret."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from haut_ext import AsyncHaut
from haut_ext.sandbox import Sandbox, faults
from haut_ext.wire import retry
from tests.wire.world import PHOTO, store


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    with Sandbox(seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield exporter
    instrumentor.uninstrument()
    provider.shutdown()


def statuses(spans: tuple[ReadableSpan, ...]) -> list[object]:
    return [(span.attributes or {}).get("http.status_code") for span in spans]


async def test_every_attempt_has_a_span_without_secrets(
    sandbox: Sandbox, exporter: InMemorySpanExporter
) -> None:
    stored = store(sandbox)
    tokens: list[str] = []

    def token() -> str:
        tokens.append(sandbox.issue_token())
        return tokens[-1]

    async with AsyncHaut(**{**sandbox.credentials, "token": token}) as haut:  # type: ignore[arg-type]
        sandbox.faults.add("list_subjects", faults.status(503))
        sandbox.faults.add("list_subjects", faults.reset())
        sandbox.faults.add("list_subjects", faults.unauthorized())
        await haut.subjects.list("Ada Lovelace")
        assert statuses(exporter.get_finished_spans()) == [503, None, 401, 200]
        exporter.clear()

        sandbox.faults.add("upload_image", faults.status(500))
        sandbox.faults.add("download_image", faults.truncated())
        await haut.images.upload(stored.subject, PHOTO)
        await haut.images.download(stored.image, io.BytesIO())
        assert statuses(exporter.get_finished_spans()) == [201, 500, 200, 200, 200, 200]
        await haut.subjects.list("Ada Lovelace")
    assert sandbox.faults.pending == []

    seen = "\n".join(span.to_json() for span in exporter.get_finished_spans())
    assert sandbox.base_url in seen
    assert sandbox.storage_url in seen
    assert len(tokens) == 2
    for secret in (*tokens, "X-Goog", "Signature", "Bearer", "haut-sandbox", "Ada", "Lovelace"):
        assert secret not in seen
