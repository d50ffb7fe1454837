"""Defines the `haut images` commands, which list, download and delete images."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast
from uuid import UUID

import typer

from haut_ext.cli import output
from haut_ext.cli.client import client, find_subject_id
from haut_ext.cli.options import DryRun, Image, Json, Subject, Yes, examples, group

if TYPE_CHECKING:
    import haut_ext

app = group("List, download and delete images.")

_EXAMPLE_ID = "2fea742a-62ec-4a81-9729-9e0283f9c40c"


@app.command(
    "list",
    epilog=examples("haut images list customer-4711", "haut images list customer-4711 --json"),
)
def list_images(subject: Subject, json: Json = False) -> None:
    """List the images of a subject.

    Prints a table of the first 50 images or, with --json, all images, one per line.
    """
    with client() as haut:
        found = haut.images.iterate(find_subject_id(haut, subject))
        columns = ("id", "side", "score", "file", "created (UTC)")
        output.print_list(found, columns, _as_row, _as_json, json=json)


def _as_row(image: haut_ext.Image) -> tuple[object, ...]:
    file = "yes" if image.signed_url else "no"
    created = output.format_time(image.created_at)
    return image.id, image.side, output.quality_score(image), file, created


def _as_json(image: haut_ext.Image) -> dict[str, Any]:
    # Signed URLs are left out, because anyone who has one can download the photo.
    aux_images = [{"id": aux.id, "type": aux.aux_image_type} for aux in image.aux_images]
    return {**image.to_dict(), "signed_url": None, "aux_images": aux_images}


@app.command(
    epilog=examples(
        f"haut images download {_EXAMPLE_ID}",
        f"haut images download {_EXAMPLE_ID} --to front.jpg",
        f"haut images download {_EXAMPLE_ID} --to - > front.jpg",
    )
)
def download(
    image: Image,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Path to save the photo to; - writes it to stdout.  [default: <id>.<format>]",
        ),
    ] = None,
    aux: Annotated[
        UUID | None,
        typer.Option(
            metavar="AUX_ID",
            help="Auxiliary image to download instead of the photo. `haut images list --json` "
            "prints the ids.  [default: the photo]",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Download the photo of an image, or one of its auxiliary images."""
    from haut_ext import ConfigError

    if json and str(to) == "-":
        raise ConfigError("--json cannot be combined with --to -, which writes to stdout")
    with client() as haut:
        if str(to) == "-":
            haut.images.download(image, sys.stdout.buffer, aux_image_id=aux)
            return
        if to is not None:
            path, size = to, haut.images.download(image, to, aux_image_id=aux)
        else:
            path, size = _download(haut, image, aux)
    if json:
        output.print_json({"image_id": image, "path": path, "bytes": size})
    elif path.is_file():  # and not a pipe, such as /dev/stdout, which gets only the photo
        output.out().print(str(path))


def _download(haut: haut_ext.Haut, image: UUID, aux: UUID | None) -> tuple[Path, int]:
    """Download a file to the current folder, and name it after its id and format.

    A file of this name is replaced, and a link is not followed.
    """
    from haut_ext import ImageRejected, Photo, private_files

    path = Path(str(aux or image))

    def move(temporary: str, _: Path) -> None:
        nonlocal path
        with suppress(ImageRejected):  # a file of another format gets no suffix
            path = path.with_suffix(f".{Photo.open(temporary).header.format.lower()}")
        os.replace(temporary, path)

    with private_files.writing(path, move, "wb") as file:
        size = haut.images.download(image, cast("BinaryIO", file), aux_image_id=aux)
    return path, size


@app.command(
    epilog=examples(
        f"haut images delete {_EXAMPLE_ID} --dry-run", f"haut images delete {_EXAMPLE_ID} --yes"
    )
)
def delete(image: Image, yes: Yes = False, dry_run: DryRun = False, json: Json = False) -> None:
    """Delete an image, including its record, file and analysis results."""
    with client() as haut:
        record = haut.images.get(image)
        target = {"image_id": image, "side": record.side, "created": record.created_at.isoformat()}
        if output.confirm_deletion(haut, target, yes=yes, dry_run=dry_run, json=json):
            haut.images.delete(image)
            output.print_deleted(target, json=json)
