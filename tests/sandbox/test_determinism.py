"""Sandboxes with the same seed and clock return identical responses to identical requests."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from haut_ext.sandbox import Clock, ManualClock, Sandbox, SystemClock
from tests.sandbox.http_client import SandboxClient


def free_ports() -> tuple[int, int]:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return one.getsockname()[1], two.getsockname()[1]


def responses_of_run(seed: int | None, ports: tuple[int, int]) -> list[tuple[object, ...]]:
    """Send requests whose responses contain ids, tokens, scores and times; return all responses."""
    responses: list[tuple[object, ...]] = []

    def record(response: httpx.Response) -> None:
        responses.append((response.status_code, response.headers.multi_items(), response.read()))

    with Sandbox(seed=seed, port=ports[0], storage_port=ports[1]) as sandbox:
        client = SandboxClient(sandbox)
        client.http.event_hooks = client.storage.event_hooks = {"response": [record]}
        for name in ("Ann", "Bob"):
            subject = client.create(name, biological_sex="female")
            slot = client.upload(subject["id"])
            client.compute(slot["image_batch_id"])
            version_3 = f"{client.company.replace('/v1/', '/v3/')}batches/{slot['image_batch_id']}/"
            client.http.post(f"{version_3}compute/")
            for _ in range(2):
                client.images(subject["id"])
            for path in (f"{client.nested(slot)}results/", f"{version_3}results/"):
                assert client.get(path)
            client.get(f"{client.nested(slot)}aux/")
            sandbox.clock.advance(3600)
        client.http.get(client.subjects, params={"page_size": 1})
        client.http.post("/api/v1/auth/login/", json=sandbox.login_credentials)
        body = {"name": "backend", "expiration_time": "2030-01-01T00:00:00Z"}
        client.http.post("/api/v1/auth/private_tokens/", json=body)
        client.http.post(f"{client.company}datasets/", json={"name": "study"})
        client.close()
    assert len(responses) == 24
    return responses


def test_two_runs_with_the_same_seed_are_identical() -> None:
    ports = free_ports()
    assert responses_of_run(7, ports) == responses_of_run(7, ports)


@pytest.mark.slow
def test_runs_with_different_seeds_or_no_seed_differ() -> None:
    ports = free_ports()
    runs = [responses_of_run(seed, ports) for seed in (7, 8, None, None)]
    assert all(one != other for i, one in enumerate(runs) for other in runs[i + 1 :])


def test_scores_and_results_depend_only_on_the_photo() -> None:
    def snapshot(seed: int) -> object:
        with Sandbox(seed=seed) as sandbox:
            client = SandboxClient(sandbox)
            slot = client.upload(client.create()["id"], b"photo")
            client.compute(slot["image_batch_id"])
            for _ in range(2):
                client.get(f"{client.nested(slot)}results/")
            found = [item["result"] for item in client.get(f"{client.nested(slot)}results/")]
            client.close()
            return sandbox.snapshot(ids=False), found

    assert snapshot(1) == snapshot(2)


@pytest.mark.parametrize(
    ("seed", "clock", "dated"),
    [
        (None, None, True),
        (1, None, False),
        (1, SystemClock(), True),
        (None, ManualClock(), False),
    ],
)
def test_only_a_clock_that_follows_the_machine_dates_responses(
    seed: int | None, clock: Clock | None, dated: bool
) -> None:
    with Sandbox(seed=seed, clock=clock) as sandbox:
        assert ("date" in httpx.get(sandbox.base_url).headers) is dated


def test_system_clock_follows_the_machine_and_can_run_ahead() -> None:
    clock = SystemClock()
    before = datetime.now(UTC).replace(microsecond=0)
    clock.tick()
    assert before <= clock.now() <= datetime.now(UTC)
    clock.advance(3600)
    assert clock.now() >= before + timedelta(hours=1)
    clock.reset()
    assert clock.now() <= datetime.now(UTC)


def test_manual_clock_moves_only_when_advanced_and_with_state_changing_requests() -> None:
    start = datetime(2030, 5, 6, 7, tzinfo=UTC)
    with Sandbox(clock=ManualClock(start, step=10)) as sandbox:
        client = SandboxClient(sandbox)
        client.http.get(client.subjects)
        assert sandbox.clock.now() == start
        assert client.create()["creation_time"] == "2030-05-06 07:00:10"
        sandbox.clock.advance(50)
        assert client.create()["creation_time"] == "2030-05-06 07:01:10"
        sandbox.reset()
        assert sandbox.clock.now() == start
        client.close()
