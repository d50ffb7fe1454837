"""Upload three photos of a person, and wait until they are analyzed."""

import asyncio

from haut_ext import AsyncHaut


async def main() -> None:
    async with AsyncHaut() as haut:
        subject = await haut.subjects.get_or_create("customer-4711")
        batch = await haut.upload_and_compute(
            subject.id, front="front.jpg", right="right.png", left="left.webp"
        )
        for image in await haut.wait_for_analysis(batch, wait_timeout=300):
            print(image.side, image.quality_score)


asyncio.run(main())
