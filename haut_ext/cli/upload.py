"""Defines the command `haut upload`, which uploads photos of one subject."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from attrs import asdict

from haut_ext import AnalysisTimeout, ConfigError, UploadIncomplete, UploadState
from haut_ext.cli import output
from haut_ext.cli.client import client
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

    with bytes_bar() as bar:
        tasks = {side: bar.add_task(side, total=None) for side, photo in photos.items() if photo}

        def progress(sent: int, total: int | None, side: Side) -> None:
            bar.update(tasks[side], completed=sent, total=total)

        states: list[UploadState] = []
        arguments: dict[str, Any] = {**photos, "progress": progress, "on_state": states.append}
        with _state_kept_in_file(states):
            if resume is not None:
                state = _read_state(resume)
                batch = haut.resume_upload(state, **arguments, compute_again=compute_again)
                resume.unlink()
                return batch
            if not tasks:
                raise ConfigError("no photo: pass at least one of --front, --right and --left")
            return haut.upload_and_compute(_get_subject_id(haut, subject), **arguments)


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
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


@contextmanager
def _state_kept_in_file(states: list[UploadState]) -> Generator[None]:
    """If the upload stops early, write its state to a file and print how to continue it."""
    try:
        yield
    except (UploadIncomplete, KeyboardInterrupt) as error:
        if not states:
            raise
        state = error.state if isinstance(error, UploadIncomplete) else states[-1]
        path = Path(f"haut-upload-{state.subject_id}.json")
        path.write_text(state.to_json() + "\n", encoding="utf-8")
        sides = "".join(f" --{side} ..." for side in state.missing)
        output.err().print(f"Continue with: haut upload {state.subject_id} --resume {path}{sides}")
        raise
