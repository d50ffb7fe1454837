"""Example: upload photos of a face, print the results of the analysis, and erase the data.

Run it with `make demo`. By default, it uses the sandbox, an embedded server that simulates
the service. If HAUT_TOKEN, HAUT_COMPANY_ID and HAUT_DATASET_ID are set, it uses the real service, which
charges for the analysis of three photos.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from uuid import UUID, uuid4

from haut_ext import Haut, HautError
from haut_ext.sandbox import Sandbox

PHOTOS = Path(__file__).parent / "photos"
VARIABLES = ("HAUT_TOKEN", "HAUT_COMPANY_ID", "HAUT_DATASET_ID")


def main() -> None:
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if not missing:
        with Haut.from_env() as haut:
            print(f"Using the real service at {haut.scope.base_url}")
            run(haut)
    elif len(missing) == len(VARIABLES):
        with Sandbox() as sandbox, Haut(**sandbox.credentials) as haut:
            print(f"Using the sandbox at {haut.scope.base_url}")
            run(haut)
        print(f"To use the real service, set {', '.join(VARIABLES)} and run the demo again.")
    else:
        sys.exit(f"To use the real service, also set {', '.join(missing)}.")


def run(haut: Haut) -> None:
    """Create a subject, analyze its photos, and erase the subject even if the analysis fails."""
    subject = haut.subjects.create(f"demo-{uuid4()}")
    print(f"Created subject {subject.id}")
    try:
        analyze(haut, subject.id)
    finally:
        receipt = haut.erase_subject(subject.id)
        print(f"Erased the subject. Receipt:\n{receipt}")
    if not receipt.verified:
        sys.exit("The erasure could not be verified.")


def analyze(haut: Haut, subject_id: UUID) -> None:
    """Upload three photos, download one of them, and print some metrics of the front photo."""
    batch = haut.upload_and_compute(
        subject_id,
        front=PHOTOS / "portrait.jpg",
        right=PHOTOS / "portrait.png",
        left=PHOTOS / "portrait.webp",
    )
    for uploaded in batch.images:
        print(f"Uploaded {uploaded.side} photo as image {uploaded.image_id}")

    for image in haut.wait_for_analysis(batch, wait_timeout=300):
        print(f"Analyzed {image.side} photo: quality {image.quality_score}")

    front = io.BytesIO()
    haut.images.download(batch.images[0].image_id, front)
    identical = front.getvalue() == (PHOTOS / "portrait.jpg").read_bytes()
    print(f"Downloaded front photo: {'identical' if identical else 'NOT identical'} to the upload")

    results = haut.wait_for_results(batch, wait_timeout=300, wait_for=["acne", "redness"])
    for row in [row for row in results.to_rows() if row["side"] == "front"][:8]:
        value = row["category"] if row["number"] is None else row["number"]
        print(" ", row["family"], row["area"] or "-", row["metric"], value)


if __name__ == "__main__":
    try:
        main()
    except HautError as error:
        sys.exit(f"{type(error).__name__}: {error}")
