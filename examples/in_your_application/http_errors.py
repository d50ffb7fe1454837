"""Responses to your users for the errors of haut_ext."""

from haut_ext import ConfigError, HautError, ImageRejected, NotFound, UploadIncomplete


def http_response(error: HautError) -> tuple[int, str]:
    """Return the HTTP status and the text of the response for an error.

    Do not send `str(error)` to users: it is meant for your logs.
    """
    cause = error.cause if isinstance(error, UploadIncomplete) else error
    if isinstance(cause, ImageRejected):
        return 422, "; ".join(cause.reasons)
    if isinstance(cause, NotFound) and cause.confirmed:
        return 404, "not found"
    if isinstance(cause, ConfigError):
        return 500, "internal error"
    if error.retryable or isinstance(cause, TimeoutError):
        return 503, "the skin analysis did not respond in time, try again later"
    return 502, "the skin analysis failed"
