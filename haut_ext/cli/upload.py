"""Defines the command `haut upload`, which uploads photos of one subject."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from attrs import asdict

from haut_ext import AnalysisTimeout, ConfigError, HautError, UploadIncomplete, UploadState
from haut_ext.cli import output
from haut_ext.cli.client import client, find_subject_id
from haut_ext.cli.exit_codes import INCOMPLETE
from haut_ext.cli.options import ComputeAgain, Flag, Json, WaitTimeout, examples

if TYPE_CHECKING:
    from haut_ext import Haut, Side, UploadedBatch

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

    The photos form one batch. The analysis is billed. If the upload stops early, its state is saved
    to a file, and the command to continue it is printed.
    """
    photos: dict[str, Path | None] = {"front": front, "right": right, "left": left}
    with client() as haut:
        batch = _send(haut, subject, photos, resume, compute_again)
        scores, analyzed = _wait(haut, batch, wait_timeout) if wait else ({}, True)
    _print(batch, scores, json)
    if not analyzed:
        output.err().print(
            f"The analysis is not complete after {wait_timeout:g} s. Get the results with: "
            f"haut results {batch.subject_id} --batch {batch.batch_id} --wait"
        )
        raise typer.Exit(INCOMPLETE)


def _send(
    haut: Haut,
    subject: str,
    photos: dict[str, Path | None],
    resume: Path | None,
    compute_again: bool,
) -> UploadedBatch:
    from haut_ext.cli.progress_bars import bytes_bar
    from haut_ext.photos.checks import check_photos

    given = {side: photo for side, photo in photos.items() if photo}
    state = None if resume is None else _read_state(resume)
    if state is None and not given:
        raise ConfigError("no photo: pass at least one of --front, --right and --left")
    check_photos(given)  # before a subject is created for them, and a progress bar is shown
    if state is not None and find_subject_id(haut, subject) != state.subject_id:
        raise ConfigError(
            f"{resume} is the state of an upload to another subject, {state.subject_id}"
        )
    states: list[UploadState] = []
    with bytes_bar() as bar, _state_kept_in_file(states, resume):
        tasks = {side: bar.add_task(side, total=None) for side in given}

        def progress(sent: int, total: int | None, side: Side) -> None:
            bar.update(tasks[side], completed=sent, total=total)

        arguments: dict[str, Any] = {**photos, "progress": progress, "on_state": states.append}
        if state is None or resume is None:
            return haut.upload_and_compute(_get_subject_id(haut, subject), **arguments)
        batch = haut.resume_upload(state, **arguments, compute_again=compute_again)
        resume.unlink()
        return batch


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
            f"haut results {batch.subject_id} --batch {batch.batch_id} --wait"
        )
        raise
    return {image.id: image.quality_score for image in images}, analyzed


def _print(batch: UploadedBatch, scores: dict[UUID, float | None], json: bool) -> None:
    if json:
        by_id = {str(image_id): score for image_id, score in scores.items()}
        output.print_json({**asdict(batch), "quality_scores": by_id})
        return
    output.out().print(f"Subject {batch.subject_id}\nBatch   {batch.batch_id}")
    rows = [(image.image_id, image.side, scores.get(image.image_id)) for image in batch.images]
    output.print_table(("image", "side", "score"), rows)


def _read_state(path: Path) -> UploadState:
    try:
        return UploadState.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


@contextmanager
def _state_kept_in_file(states: list[UploadState], resumed: Path | None) -> Generator[None]:
    """Write the state of an upload that stops to a file, and print how to continue.

    The new state of a resumed upload replaces the old one, from which a part of the upload would be
    repeated, and billed again.
    """
    try:
        yield
    except (UploadIncomplete, KeyboardInterrupt) as error:
        if not states:
            raise
        state = error.state if isinstance(error, UploadIncomplete) else states[-1]
        path = resumed or _new_path(f"haut-upload-{state.subject_id}")
        path.write_text(state.to_json() + "\n", encoding="utf-8")
        sides = "".join(f" --{side} ..." for side in state.missing)
        command = f"haut upload {state.subject_id} --resume {quote(str(path))}{sides}"
        output.err().print(f"Continue with: {command}")
        raise


def _new_path(stem: str) -> Path:
    """Return the path of a JSON file that does not exist."""
    names = (f"{stem}.json" if number == 1 else f"{stem}-{number}.json" for number in count(1))
    return next(path for path in map(Path, names) if not path.exists())
