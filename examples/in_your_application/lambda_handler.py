"""An AWS Lambda function that uploads a photo."""

import asyncio
import base64
from typing import Protocol

from haut_ext import AsyncHaut, UploadState

haut = AsyncHaut()  # shared by the invocations of one execution environment


class Context(Protocol):
    def get_remaining_time_in_millis(self) -> int: ...


def handler(event: dict[str, str], context: Context) -> dict[str, str]:
    seconds = context.get_remaining_time_in_millis() / 1000 - 2
    return asyncio.run(upload(event, seconds))


async def upload(event: dict[str, str], seconds: float) -> dict[str, str]:
    photo = base64.b64decode(event["front"])
    states: list[UploadState] = []
    try:
        async with asyncio.timeout(seconds):
            if "state" not in event:
                call = haut.upload_and_compute(
                    event["subject_id"], front=photo, on_state=states.append
                )
            else:
                state = UploadState.from_json(event["state"])
                front = photo if state.missing else None
                call = haut.resume_upload(state, front=front, on_state=states.append)
            return {"batch": (await call).to_json()}
    except TimeoutError:
        if not states:
            raise  # no data was changed
        return {**event, "state": states[-1].to_json()}  # call the function again with this event
