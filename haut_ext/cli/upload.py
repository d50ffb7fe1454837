"""Defines the command `haut upload`, which uploads photos of one subject."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import UUID

import typer
from attrs import asdict

from haut_ext import AnalysisTimeout, ConfigError, HautError, UploadIncomplete, UploadState
from haut_ext.cli import output
from haut_ext.cli.client import client, command, find_subject_id
from haut_ext.cli.exit_codes import INCOMPLETE
from haut_ext.cli.options import ComputeAgain, Flag, Json, WaitTimeout, examples
from haut_ext.regular_files import open_regular

if TYPE_CHECKING:
    from haut_ext import Haut, Photo, PhotoFile, Side, UploadedBatch

EXAMPLES = examples(
    "haut upload customer-4711 --front front.jpg",
    "haut upload customer-4711 --front f.jpg --right r.jpg --left l.jpg --wait",
)

_Photo = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Photo as a JPEG, PNG or WEBP file, at least 256 x 256 pixels."
    ),
]


def upload(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="SUBJECT",
            help="Id or exact name of a subject. If no subject has this name, it is created.",
        ),
    ],
    front: _Photo = None,
    right: _Photo = None,
    left: _Photo = None,
    wait: Annotated[bool, Flag("--wait", help="Wait until the images are analyzed.")] = False,
    wait_timeout: WaitTimeout = 120.0,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Continue an interrupted upload from this state file."),
    ] = None,
    compute_again: ComputeAgain = False,
    json: Json = False,
) -> None:
    """Upload photos of a subject, and start their analysis.

    The photos form one batch. The analysis is billed. The state of the upload is kept in a file in
    the current folder until the upload is complete. If the upload stops early, the command to
    continue it is printed.
    """
    paths: dict[Side, Path | None] = {"front": front, "right": right, "left": left}
    with client() as haut:
        if resume is None:
            if not any(paths.values()):
                raise ConfigError("no photo: pass at least one of --front, --right and --left")
            batch = _upload(haut, subject, _open_photos(paths))
        else:
            batch = _resume(haut, subject, paths, resume, compute_again=compute_again)
        scores, analyzed = _wait(haut, batch, wait_timeout) if wait else ({}, True)
    _print(batch, scores, json)
    if not analyzed:
        output.err().print(
            f"The analysis is not complete after {wait_timeout:g} s. Get the results with: "
            + command(f"results {batch.subject_id} --batch {batch.batch_id} --wait")
        )
        raise typer.Exit(INCOMPLETE)


def _upload(haut: Haut, subject: str, photos: dict[Side, Photo]) -> UploadedBatch:
    with _StateFile(None) as file:
        subject_id = _get_subject_id(haut, subject)
        with _shown_progress(photos) as arguments, _resumable(file):
            batch: UploadedBatch = haut.upload_and_compute(
                subject_id, **arguments, on_state=file.save
            )
        file.delete()
    return batch


def _resume(
    haut: Haut, subject: str, paths: Mapping[Side, Path | None], path: Path, *, compute_again: bool
) -> UploadedBatch:
    with _StateFile(path) as file:
        state = _read_state(path)
        haut.scope.check(state, str(path))
        photos = _open_photos(paths)
        if find_subject_id(haut, subject) != state.subject_id:
            raise ConfigError(
                f"{path} is the state of an upload to another subject, {state.subject_id}"
            )
        with _shown_progress(photos) as arguments, _resumable(file):
            batch: UploadedBatch = haut.resume_upload(
                state, **arguments, compute_again=compute_again, on_state=file.save
            )
        file.delete()
    return batch


def _open_photos(paths: Mapping[Side, Path | None]) -> dict[Side, Photo]:
    """Check the photos, and print warnings about them.

    Raises:
        ImageRejected: If a photo is invalid.
    """
    from haut_ext.photos.checks import check_photos

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        given: dict[Side, PhotoFile | Photo] = {side: it for side, it in paths.items() if it}
        photos = check_photos(given)
    for warning in caught:
        output.err().print(f"Warning: {warning.message}")
    return photos


@contextmanager
def _shown_progress(photos: Mapping[Any, Photo]) -> Generator[dict[str, Any]]:
    """Show progress bars; yield the arguments with the photos and the progress function."""
    from haut_ext.cli.progress_bars import bytes_bar

    with bytes_bar() as bar:
        tasks = {side: bar.add_task(side, total=None) for side in photos}

        def progress(sent: int, total: int | None, side: Side) -> None:
            bar.update(tasks[side], completed=sent, total=total)

        yield {**photos, "progress": progress}


def _get_subject_id(haut: Haut, subject: str) -> UUID:
    try:
        return UUID(subject)
    except ValueError:
        return haut.subjects.get_or_create(subject).id


def _wait(
    haut: Haut, batch: UploadedBatch, wait_timeout: float
) -> tuple[dict[UUID, float | None], bool]:
    """Return the quality scores of the images, and whether their analysis is complete."""
    try:
        images, analyzed = haut.wait_for_analysis(batch, wait_timeout), True
    except AnalysisTimeout as error:
        images, analyzed = error.images, False
    except (HautError, KeyboardInterrupt):
        output.err().print(
            "The photos are uploaded, and the analysis has started. Get the results with: "
            + command(f"results {batch.subject_id} --batch {batch.batch_id} --wait")
        )
        raise
    return {image.id: output.quality_score(image) for image in images}, analyzed


def _print(batch: UploadedBatch, scores: dict[UUID, float | None], json: bool) -> None:
    if json:
        by_id = {str(image_id): score for image_id, score in scores.items()}
        output.print_json({**asdict(batch), "quality_scores": by_id})
        return
    output.out().print(f"Subject {batch.subject_id}", f"Batch   {batch.batch_id}")
    rows = [(image.image_id, image.side, scores.get(image.image_id)) for image in batch.images]
    output.print_table(("image", "side", "score"), rows)
    if batch.possible_leftovers:
        output.err().print(
            "Image records without a photo that this upload or another program has created: "
            f"{', '.join(map(str, batch.possible_leftovers))}. If no other program uploads photos "
            "of the subject, delete them with: haut images delete IMAGE"
        )


def _read_state(path: Path) -> UploadState:
    from haut_ext import private_files

    try:
        return UploadState.from_json(private_files.read(path))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--resume {path}: {_reason(error)}") from None


def _reason(error: OSError | ValueError) -> object:
    return error.strerror if isinstance(error, OSError) else error


class _StateFile:
    """File with the state of an upload, so that the upload can be resumed, even after a crash.

    The file is created when the upload changes data for the first time, and never replaces a file
    of another upload. It is locked during the upload, because two processes that continue one upload
    would each start the analysis.

    Args:
        resumed: File of the upload that is resumed; None for a new upload.

    Raises:
        ConfigError: If no file can be written to the folder, or another process has locked the file.
    """

    def __init__(self, resumed: Path | None) -> None:
        from haut_ext import private_files

        self.path = resumed
        self._locks = ExitStack()
        folder = Path.cwd() if resumed is None else resumed.parent
        try:
            private_files.check_folder(folder)
        except OSError as error:
            raise ConfigError(
                f"the state of the upload cannot be written to {folder}: {error.strerror}"
            ) from None
        if resumed is not None:
            self._lock_resumed(resumed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._locks.close()

    def _lock_resumed(self, path: Path) -> None:
        try:
            with open_regular(path, follow_links=False) as file:
                self._lock(file.fileno())
                replaced = not os.path.samestat(os.fstat(file.fileno()), path.stat())
        except BlockingIOError:
            replaced = True
        except (OSError, ValueError) as error:
            raise ConfigError(f"--resume {path}: {_reason(error)}") from None
        if replaced:
            self._locks.close()
            raise ConfigError(f"--resume {path}: another process is continuing this upload")

    def _lock(self, descriptor: int) -> None:
        """Lock an open file. The lock lasts longer than the file is open.

        Raises:
            BlockingIOError: If another process has locked it.
        """
        self._locks.callback(os.close, copy := os.dup(descriptor))
        try:
            import fcntl

            fcntl.flock(copy, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except (ImportError, OSError):  # Windows, or a file system without locks
            pass

    def save(self, state: UploadState) -> None:
        """Write the state; create the file if there is none yet."""
        from haut_ext import private_files

        text = state.to_json() + "\n"
        if self.path is not None:
            with private_files.replacing(self.path) as file:
                file.write(text)
                self._lock(file.fileno())
            return
        for number in count(1):
            suffix = "" if number == 1 else f"-{number}"
            path = Path(f"haut-upload-{state.subject_id}{suffix}.json")
            with suppress(FileExistsError):
                with private_files.creating(path) as file:
                    file.write(text)
                    self._lock(file.fileno())
                self.path = path
                return

    def delete(self) -> None:
        """Delete the file, because the upload is complete."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


@contextmanager
def _resumable(file: _StateFile) -> Generator[None]:
    """If the upload stops, print how to continue it."""
    try:
        yield
    except (UploadIncomplete, OSError, KeyboardInterrupt) as error:
        if file.path is None:
            raise
        state = _read_state(file.path)
        sides = "".join(f" --{side} ..." for side in state.missing)
        arguments = f"upload {state.subject_id} --resume {quote(str(file.path))}{sides}"
        output.err().print(f"Continue with: {command(arguments)}")
        output.exit_if_not_written(error)
        raise
