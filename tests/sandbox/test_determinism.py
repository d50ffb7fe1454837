"""With a seed, the same calls get the same bytes."""

from __future__ import annotations

import socket

import httpx
import pytest

from haut_ext.sandbox import Sandbox
from tests.sandbox.caller import Caller


def free_ports() -> tuple[int, int]:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return one.getsockname()[1], two.getsockname()[1]


def recorded(seed: int | None, ports: tuple[int, int]) -> list[tuple[object, ...]]:
    """Every answer of a run through all that is random or dated."""
    answers: list[tuple[object, ...]] = []

    def note(answer: httpx.Response) -> None:
        answers.append((answer.status_code, answer.headers.multi_items(), answer.read()))

    with Sandbox(seed=seed, port=ports[0], storage_port=ports[1]) as sandbox:
        caller = Caller(sandbox)
        caller.http.event_hooks = caller.storage.event_hooks = {"response": [note]}
        for name in ("Ann", "Bob"):
            subject = caller.create(name, biological_sex="female")
            slot = caller.upload(subject["id"])
            caller.compute(slot["image_batch_id"])
            version_3 = f"{caller.company.replace('/v1/', '/v3/')}batches/{slot['image_batch_id']}/"
            caller.http.post(f"{version_3}compute/")
            for _ in range(2):
                caller.images(subject["id"])
            for path in (f"{caller.nested(slot)}results/", f"{version_3}results/"):
                assert caller.get(path)
            caller.get(f"{caller.nested(slot)}aux/")
            sandbox.clock.advance(3600)
        caller.http.get(caller.subjects, params={"page_size": 1})
        caller.http.post("/api/v1/auth/login/", json=sandbox.login_credentials)
        body = {"name": "backend", "expiration_time": "2030-01-01T00:00:00Z"}
        caller.http.post("/api/v1/auth/private_tokens/", json=body)
        caller.http.post(f"{caller.company}datasets/", json={"name": "study"})
        caller.close()
    assert len(answers) == 24
    return answers


def test_two_runs_with_one_seed_are_equal_to_the_byte() -> None:
    ports = free_ports()
    assert recorded(7, ports) == recorded(7, ports)


@pytest.mark.slow
def test_other_seeds_and_none_differ() -> None:
    ports = free_ports()
    runs = [recorded(seed, ports) for seed in (7, 8, None, None)]
    assert all(one != other for i, one in enumerate(runs) for other in runs[i + 1 :])


def test_scores_and_results_depend_on_the_photo_alone() -> None:
    def snapshot(seed: int) -> object:
        with Sandbox(seed=seed) as sandbox:
            caller = Caller(sandbox)
            slot = caller.upload(caller.create()["id"], b"photo")
            caller.compute(slot["image_batch_id"])
            for _ in range(2):
                caller.get(f"{caller.nested(slot)}results/")
            found = [item["result"] for item in caller.get(f"{caller.nested(slot)}results/")]
            caller.close()
            return sandbox.snapshot(ids=False), found

    assert snapshot(1) == snapshot(2)


def test_only_an_answer_without_a_seed_is_dated() -> None:
    for seed in (1, None):
        with Sandbox(seed=seed) as sandbox:
            dated = "date" in httpx.get(sandbox.base_url).headers
            assert dated is (seed is None)


def test_a_seeded_clock_stands_still_and_moves_with_changes() -> None:
    with Sandbox(seed=1) as sandbox:
        caller = Caller(sandbox)
        start = sandbox.clock.now()
        caller.http.get(caller.subjects)
        assert sandbox.clock.now() == start
        caller.create()
        assert (sandbox.clock.now() - start).total_seconds() == 1
        caller.close()
