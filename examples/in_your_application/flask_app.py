"""A Flask application that uploads photos."""

from functools import cache
from uuid import UUID

from flask import Flask, request

from haut_ext import Haut, HautError

from .http_errors import http_response

app = Flask(__name__)


@cache
def get_haut() -> Haut:
    return Haut()  # one client for the process, created for the first request


@app.post("/customers/<name>/photos")
def upload(name: str) -> dict[str, UUID]:
    haut = get_haut()
    subject = haut.subjects.get_or_create(name)
    batch = haut.upload_and_compute(subject.id, front=request.files["front"])
    return {"subject_id": batch.subject_id, "batch_id": batch.batch_id}


@app.errorhandler(HautError)
def respond_to_error(error: HautError) -> tuple[dict[str, str], int]:
    app.logger.warning("request failed: %s", error)
    status, detail = http_response(error)
    return {"detail": detail}, status
