"""Upload the photos in a folder; SIGTERM ends the program at once, and the next run continues."""

import signal
import sys
from pathlib import Path

from haut_ext import Haut, UploadState


def upload(haut: Haut, photo: Path) -> None:
    saved = photo.with_suffix(".json")

    def save(state: UploadState) -> None:
        new = saved.with_suffix(".new")
        new.write_text(state.to_json())
        new.replace(saved)

    if saved.exists():
        state = UploadState.from_json(saved.read_text())
        if state.stage != "results":
            front = photo if state.missing else None
            haut.resume_upload(state, front=front, on_state=save)
    else:
        subject = haut.subjects.get_or_create(photo.stem)
        haut.upload_and_compute(subject.id, front=photo, on_state=save)


def stop(signal_number: int, frame: object) -> None:
    sys.exit(143)  # ends the current call, as Ctrl-C does


def main(folder: Path) -> None:
    signal.signal(signal.SIGTERM, stop)
    with Haut() as haut:
        for photo in sorted(folder.glob("*.jpg")):
            upload(haut, photo)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
