"""The main job, from a new subject to a proof of erasure, over real HTTP.

Without HAUT_TOKEN, HAUT_COMPANY_ID and HAUT_DATASET_ID it runs against an embedded sandbox; with
them, the same steps run against the service they name.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

from haut_ext import BatchResults, Haut, HautError, Side
from haut_ext.sandbox import Sandbox

PHOTOS: dict[Side, Path] = {
    "front": Path(__file__).parent / "photos" / "portrait.jpg",
    "right": Path(__file__).parent / "photos" / "portrait.png",
    "left": Path(__file__).parent / "photos" / "portrait.webp",
}
VARIABLES = ("HAUT_TOKEN", "HAUT_COMPANY_ID", "HAUT_DATASET_ID")

_started = time.monotonic()


def say(text: str = "") -> None:
    print(f"{time.monotonic() - _started:6.2f} s  {text}" if text else "", flush=True)


def run(haut: Haut) -> None:
    """Do the main job; leave no subject behind, whatever happens."""
    subject = haut.subjects.create(f"demo-{uuid4()}", meta={"purpose": "demo"})
    say(f"created subject      {subject.id}")
    try:
        results = analyse(haut, subject.id)
    except BaseException:
        say(f"failed; erasing subject {subject.id} before stopping")
        haut.erase_subject(subject.id)
        raise
    receipt = haut.erase_subject(subject.id)
    say("erased the subject; the receipt:")
    print("\n" + str(receipt) + "\n")
    if not receipt.verified:
        sys.exit("the erasure could not be verified")
    say("what the algorithms had found on the front, which now only this process has:")
    show(results)


def show(results: BatchResults) -> None:
    """Print the first metric of each algorithm; `results.to_rows()` has all of them."""
    for result in results.results:
        for metric in result.metrics[:1]:
            if result.side == "front":
                found = f"{metric.name:<20} {metric.area or '':<15} {metric.value!s:>8}"
                print(f"  {result.algorithm:<20} {found} {metric.unit or ''}".rstrip())
    for failed in results.failures:
        print(f"  {failed.algorithm:<20} failed on {failed.side}: {failed.error}")


def analyse(haut: Haut, subject_id: object) -> BatchResults:
    subject = str(subject_id)
    for side, path in PHOTOS.items():
        say(f"will upload {side:<5}    {path.name}, {path.stat().st_size:,} bytes")

    def progress(sent: int, total: int | None, side: Side) -> None:
        if sent == total:
            say(f"uploaded {side:<5}       {sent:,} bytes, checked first, streamed to the storage")

    batch = haut.upload_and_compute(
        subject,
        front=PHOTOS["front"],
        right=PHOTOS["right"],
        left=PHOTOS["left"],
        progress=progress,
    )
    say(f"computation started  batch {batch.batch_id}")

    haut.wait_for_analysis(batch, wait_timeout=300)
    say("analysed; the subject's images:")
    for image in haut.images.iterate(subject):
        kinds = ", ".join(aux.aux_image_type for aux in image.aux_images)
        say(f"  {image.side:<5} {image.id}  quality {image.quality_score}  auxiliary: {kinds}")

    front = batch.images[0]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "front.jpg"
        size = haut.images.download(front.image_id, copy)
        sent, received = (
            hashlib.sha256(path.read_bytes()).hexdigest() for path in (PHOTOS["front"], copy)
        )
    if sent != received:
        sys.exit(f"the downloaded photo is not the uploaded one: {received} is not {sent}")
    say(f"downloaded front     {size:,} bytes, SHA-256 equal: {received[:16]}...")
    return haut.wait_for_results(batch, wait_timeout=300, settled_after=1)


def main() -> None:
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if 0 < len(missing) < len(VARIABLES):
        sys.exit(f"to run against the real service, set {', '.join(missing)} as well")
    live = not missing
    with ExitStack() as stack:
        if live:
            haut = stack.enter_context(Haut.from_env())
            say(f"the real service at {haut.scope.base_url} (three photos will be billed)")
        else:
            sandbox = stack.enter_context(Sandbox())
            haut = stack.enter_context(Haut(**sandbox.credentials))
            say(f"an embedded sandbox at {haut.scope.base_url}, not the real service")
        try:
            run(haut)
        except HautError as error:
            sys.exit(f"{type(error).__name__}: {error}")
    if live:
        say("done")
    else:
        say("done. The same against the real service: set " + ", ".join(VARIABLES))
        say("(and HAUT_BASE_URL for another host), then run `make demo` again.")


if __name__ == "__main__":
    main()
