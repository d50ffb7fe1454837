"""Erase a person, continue the erasure once if it stops, and print the receipt."""

import asyncio

from haut_ext import AsyncHaut, ErasureIncomplete


async def main() -> None:
    async with AsyncHaut() as haut:
        # All subjects with this name; here, there is one.
        [subject] = await haut.subjects.find("customer-4712")
        try:
            receipt = await haut.erase_subject(subject.id)
        except ErasureIncomplete as error:
            receipt = await haut.erase_subject(subject.id, receipt=error.receipt)
    print(receipt.verified, receipt.to_json())


asyncio.run(main())
