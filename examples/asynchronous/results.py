"""Upload a photo, wait for the results of its analysis, and write them to a CSV file."""

import asyncio
import csv

from haut_ext import AsyncHaut, Row


async def main() -> None:
    async with AsyncHaut() as haut:
        subject = await haut.subjects.get_or_create("customer-4711")
        batch = await haut.upload_and_compute(
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


asyncio.run(main())
