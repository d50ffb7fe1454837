"""A FastAPI application that analyzes photos."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, Request, UploadFile
from fastapi.responses import JSONResponse

from haut_ext import AsyncHaut, HautError, Row, UploadedBatch

from .http_errors import http_response


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, AsyncHaut]]:
    async with AsyncHaut() as haut:  # one client for the whole application
        yield {"haut": haut}


def get_haut(request: Request) -> AsyncHaut:
    haut: AsyncHaut = request.state.haut
    return haut


Client = Annotated[AsyncHaut, Depends(get_haut)]
app = FastAPI(lifespan=lifespan)


@app.post("/customers/{name}/photos")
async def upload(name: str, front: UploadFile, haut: Client) -> dict[str, UUID]:
    subject = await haut.subjects.get_or_create(name)
    batch = await haut.upload_and_compute(subject.id, front=front)
    return {"subject_id": batch.subject_id, "batch_id": batch.batch_id}


@app.get("/subjects/{subject_id}/batches/{batch_id}")
async def results(subject_id: UUID, batch_id: UUID, haut: Client) -> list[Row]:
    batch = UploadedBatch(subject_id, batch_id)
    return (await haut.wait_for_results(batch, wait_timeout=20)).to_rows()


@app.exception_handler(HautError)
async def respond_to_error(request: Request, error: HautError) -> JSONResponse:
    status, detail = http_response(error)
    return JSONResponse({"detail": detail}, status)
