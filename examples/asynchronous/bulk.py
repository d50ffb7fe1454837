"""Upload the photos of all rows of a manifest, or continue the upload after an interruption."""

import asyncio

from haut_ext import Haut
from haut_ext.bulk import bulk_upload

JOURNAL = "upload.journal"


async def main() -> None:
    with Haut() as haut:
        report = await asyncio.to_thread(bulk_upload, haut, "manifest.csv", journal=JOURNAL)
    print(report)


asyncio.run(main())
