# Derived from examples/asynchronous/upload.py by `make sync`; change that file instead.
"""Upload three photos of a person, and wait until they are analyzed."""

from haut_ext import Haut


def main() -> None:
    with Haut() as haut:
        subject = haut.subjects.get_or_create("customer-4711")
        batch = haut.upload_and_compute(
            subject.id, front="front.jpg", right="right.png", left="left.webp"
        )
        for image in haut.wait_for_analysis(batch, wait_timeout=300):
            print(image.side, image.quality_score)


main()
