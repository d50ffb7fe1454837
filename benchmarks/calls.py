"""One upload, one small call, one long list: goals 1, 2 and 3."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from benchmarks.measuring import compare
from benchmarks.peers import small_calls, uploads
from benchmarks.photos import photo_of
from benchmarks.report import Result, against
from benchmarks.service import Service, service
from haut_api.api.subjects import list_subjects
from haut_api.client import AuthenticatedClient
from haut_ext import Haut

Where = Callable[[], AbstractContextManager[Service]]


def upload(rounds: int, where: Where = service) -> list[Result]:
    with where() as running, photo_of(5_000_000) as photo, uploads(running, photo) as contenders:
        found = compare(contenders, rounds, prepare=lambda: None)
    limits = {"httpx": 1.05, "pycurl": 1.3}
    return [
        against("upload and compute, 5 MB", found, "haut_ext", peer, limits.get(peer, 1.0))
        for peer in found
        if peer != "haut_ext"
    ]


def small_call(rounds: int, where: Where = service) -> list[Result]:
    times = 200
    with where() as running, small_calls(running, times) as contenders:
        found = compare(contenders, rounds, prepare=lambda: None, units=times)
    limits = {"bare generated client": 1.15, "httpx": 1.3, "openai": 1.0}
    synchronous = ["bare generated client", "httpx", "openai", "requests", "urllib3", "pycurl"]
    what = "one small call"
    return [
        *(against(what, found, "haut_ext", peer, limits.get(peer)) for peer in synchronous),
        against(what, found, "haut.api", "bare generated client", 1.15),
        against(what, found, "AsyncHaut", "httpx.AsyncClient", 1.3),
        against(what, found, "AsyncHaut", "aiohttp"),
    ]


def paging(rounds: int) -> list[Result]:
    with (
        service(subjects=10_000) as running,
        Haut(**running.credentials) as haut,
        AuthenticatedClient(
            base_url=running.credentials["base_url"], token=running.credentials["token"]
        ) as bare,
    ):

        def iterate(_: None) -> None:
            for _subject in haut.subjects.iterate():
                pass

        def page_by_page(_: None) -> None:
            number: int | None = 1
            company, dataset = haut.scope.company_id, haut.scope.dataset()
            while number is not None:
                page: Any = list_subjects.sync(company, dataset, client=bare, page=number)
                for _subject in page.results:
                    pass
                number = number + 1 if page.next_ else None

        contenders = {"haut_ext": iterate, "page by page": page_by_page}
        found = compare(contenders, rounds, prepare=lambda: None)
    return [against("10,000 subjects, no latency", found, "haut_ext", "page by page", 1.1)]
