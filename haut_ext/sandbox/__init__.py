"""Local server that imitates the documented behavior of the Haut.AI API, for tests and demos.

    from haut_ext.sandbox import Sandbox
    with Sandbox() as sandbox:
        haut = Haut(**sandbox.credentials)

The sandbox keeps all data in memory and listens only on loopback. Besides the standard library and
h11, which httpx uses too, it depends only on the table of algorithm families, which it shares with
the client and the documentation, and on the reader of image headers. Like the real service, it has
two origins: one for the API, and one for the storage that signed URLs refer to.

The modules are listed in layers. A module imports only from its own line and the lines below:

    sandbox                             the class `Sandbox`
    http_server                         connections, threads, faults
    http_parser, response_delivery      reading requests, sending responses
    api_service, handlers               the operations of the API
    storage_service, signed_urls        the storage and its signatures
    router, request_validation          paths, bodies and query parameters
    snapshot                            a copy of the state, for comparisons
    state                               database, tokens, analyses and clock together
    analyses, database, authentication  progress of analyses; records and files; user and tokens
    made_up_results, masks              made-up results of photos
    records, algorithms                 record classes; applications and algorithms
    photo_content                       dimensions of a photo, and whether it shows a face
    fault_plan, faults, request_log     planned faults, kinds of faults, received requests
    clock, http_messages                time; requests and responses
"""

from __future__ import annotations

from . import faults
from .clock import Clock, ManualClock, SystemClock
from .faults import Fault
from .http_messages import Request, Response
from .request_log import ReceivedRequest
from .sandbox import Credentials, LoginCredentials, Sandbox

__all__ = [
    "Clock",
    "Credentials",
    "Fault",
    "LoginCredentials",
    "ManualClock",
    "ReceivedRequest",
    "Request",
    "Response",
    "Sandbox",
    "SystemClock",
    "faults",
]
