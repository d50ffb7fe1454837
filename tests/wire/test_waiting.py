"""Writing within a limit, in the synchronous face, where it is our own loop that keeps it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpcore
import pytest
from httpcore._backends.sync import SyncStream

from haut_ext.wire.waiting import write


@pytest.fixture
def pair() -> Iterator[tuple[httpcore.NetworkStream, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield SyncStream(ours), theirs


def test_a_limit_that_has_passed_sends_nothing(
    pair: tuple[httpcore.NetworkStream, socket.socket],
) -> None:
    stream, theirs = pair
    with pytest.raises(httpcore.WriteTimeout):
        write(stream, b"photo", 0.0)
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)


def test_a_peer_that_has_gone_is_an_error_of_writing(
    pair: tuple[httpcore.NetworkStream, socket.socket],
) -> None:
    stream, theirs = pair
    theirs.close()
    with pytest.raises(httpcore.WriteError):
        write(stream, b"photo", None)
