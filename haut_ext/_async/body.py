"""A photo as the body of a request: sent piece by piece, again from its start when that is possible."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Self

import httpx

from haut_ext.errors import CallerError
from haut_ext.photos.checks import Photo

Progress = Callable[[int, int | None], None]


class AsyncPhotoBody(httpx.AsyncByteStream):
    """Streams a photo and tells how much of it has been sent.

    An iterator and not a generator, so that a broken attempt leaves none suspended with its file
    open: `aclose` ends it.

    Args:
        photo: The photo, checked.
        progress: Called with the bytes sent so far and the total. After a retry it is silent until
            the earlier mark is passed, so the numbers it sees never fall.
    """

    def __init__(self, photo: Photo, progress: Progress | None = None) -> None:
        self._photo = photo
        self._progress = progress
        self._pieces: Generator[bytes, None, None] | None = None
        self._given = 0
        self._reported = 0

    @property
    def replayable(self) -> bool:
        """Whether it can be sent from its beginning; any photo can until that has been tried."""
        return self._photo.replayable or self._pieces is None

    def __aiter__(self) -> Self:
        if self._pieces is not None:
            self._pieces.close()
        self._pieces = self._photo.chunks()
        self._given = 0
        return self

    async def __anext__(self) -> bytes:
        assert self._pieces is not None
        try:
            if self._progress is not None and self._given > self._reported:
                # Being asked for the next piece means that those before it have been sent.
                self._reported = self._given
                self._progress(self._given, self._photo.size)
            piece = next(self._pieces, None)
        except Exception as error:
            raise CallerError(error) from None
        if piece is None:
            raise StopAsyncIteration
        self._given += len(piece)
        return piece

    async def aclose(self) -> None:
        if self._pieces is not None:
            self._pieces.close()
