"""Export everything that the service returns about a person to a zip file."""

import asyncio

from haut_ext import AsyncHaut, ExportIncomplete


async def main() -> None:
    async with AsyncHaut() as haut:
        [subject] = await haut.subjects.find("customer-4711")
        try:
            manifest = await haut.export_subject(subject.id, to="export.zip")
        except ExportIncomplete:
            manifest = await haut.export_subject(subject.id, to="export.zip")  # continues
    print(manifest.complete, manifest)


asyncio.run(main())
