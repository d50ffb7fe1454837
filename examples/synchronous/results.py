# Derived from examples/asynchronous/results.py by `make sync`; change that file instead.
"""Upload a photo, wait for the results of its analysis, and write them to a CSV file."""

import csv

from haut_ext import Haut, Row


def main() -> None:
    with Haut() as haut:
        subject = haut.subjects.get_or_create("customer-4711")
        batch = haut.upload_and_compute(
            subject.id, front="front.jpg", wait=True, wait_for=["acne", "age"]
        )
    for failed in batch.results.failures:
        print(failed.family, failed.side, failed.error)
    write(batch.results.to_rows())


def write(rows: list[Row]) -> None:
    with open("metrics.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


main()
