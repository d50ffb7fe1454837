# Derived from haut_ext/_async/body.py by `make sync`; change that file instead.
"""A photo as the body of a request: sent piece by piece, again from its start when that is possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx

from haut_ext.photo import Photo

Progress = Callable[[int, int | None], None]


class PhotoBody(httpx.SyncByteStream):
    """Streams a photo and tells how much of it has been sent.

    Args:
        photo: The photo, checked.
        progress: Called with the bytes sent so far and the total. After a retry it is silent until
            the earlier mark is passed, so the numbers it sees never fall.
    """

    def __init__(self, photo: Photo, progress: Progress | None = None) -> None:
        self._photo = photo
        self._progress = progress
        self._reported = 0

    @property
    def replayable(self) -> bool:
        return self._photo.replayable

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        for piece in self._photo.chunks():
            yield piece
            sent += len(piece)
            if self._progress is not None and sent > self._reported:
                self._reported = sent
                self._progress(sent, self._photo.size)
