"""Print all subjects whose name contains "customer", and the number of subjects on the first page."""

import asyncio

from haut_ext import AsyncHaut


async def main() -> None:
    async with AsyncHaut() as haut:
        async for subject in haut.subjects.iterate("customer"):
            print(subject.id, subject.creation_time)
        page = await haut.subjects.list(page=1, page_size=50)
        print(len(page.items), "of", page.total)


asyncio.run(main())
