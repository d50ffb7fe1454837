# Derived from haut_ext/_async/client.py by `make sync`; change that file instead.
"""Defines `Haut`, the client of the Haut.AI API.

Resources, workflows and their results are imported on first use: importing them takes longer than
creating a client.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack, overload
from uuid import UUID

from attrs import asdict, evolve

from haut_api.client import AuthenticatedClient
from haut_api.types import UNSET, Unset
from haut_ext._http.call import origin_of
from haut_ext._http.tokens import SyncToken, no_token
from haut_ext._httpx import httpx
from haut_ext._sync.auth import TokenSource
from haut_ext._sync.connections import Connections
from haut_ext._sync.generated_client import ApiClient
from haut_ext._sync.http import HTTPClient
from haut_ext._sync.operations import Operations, lazy_resource
from haut_ext._version import __version__
from haut_ext.argument_checks import (
    Id,
    check_names,
    check_seconds,
    check_text,
    parse_id,
)
from haut_ext.argument_types import JsonValue, validate_arguments
from haut_ext.concurrency import running
from haut_ext.environment import with_environment
from haut_ext.errors import ConfigError
from haut_ext.secret import Secret, hide_frames
from haut_ext.settings import Options, RequestOptions, Scope, check_headers

if TYPE_CHECKING:
    from haut_api.models import Algorithm, Image, ImageType
    from haut_ext._sync.pagination import ListOperation
    from haut_ext._sync.resources.batches import Batches
    from haut_ext._sync.resources.datasets import Datasets
    from haut_ext._sync.resources.images import Images
    from haut_ext._sync.resources.private_tokens import PrivateTokens
    from haut_ext._sync.resources.subjects import Subjects
    from haut_ext._sync.workflows.wait import Results
    from haut_ext.analysis_results import Api, BatchResults, Row
    from haut_ext.erasure_receipt import ErasureReceipt
    from haut_ext.export_manifest import ExportedFile, ExportManifest
    from haut_ext.keyword_arguments import UploadOptions
    from haut_ext.photos.sources import PhotoFile
    from haut_ext.types import AnalyzedBatch, Side, UploadedBatch, UploadedImage, UploadState

T = TypeVar("T")

_RESOURCES = ("subjects", "images", "datasets", "private_tokens", "batches")
_ATTRIBUTES = (*_RESOURCES, "_operations", "_owns_connections")
"""Instance attributes that are not pickled. All others were added by a subclass."""


class ClientOptions(RequestOptions, total=False):
    """Optional arguments of the constructor of `Haut`: those of `RequestOptions`, and more.

    Attributes:
        company_id: The company's id.
        dataset_id: Default dataset for calls without a `dataset_id` argument.
        base_url: Origin of the service.
        max_in_flight: Maximum number of concurrent requests.
        proxy: URL of a proxy, or an `httpx.Proxy`, for https only.
        verify: A CA file or folder, or an `ssl.SSLContext`.
        transport: An httpx transport that replaces the client's connections.
    """

    company_id: Id | None
    dataset_id: Id | None
    base_url: str | None
    max_in_flight: int
    proxy: str | httpx.URL | httpx.Proxy | None
    verify: Any
    transport: httpx.BaseTransport | None


@validate_arguments(except_for=("with_options",))
class Haut:
    """Client of the Haut.AI API.

    One client serves a whole program: it keeps connections open and can be used by many threads at
    once. Close it, or use it in `with`.

    An argument takes precedence over an environment variable, and a variable over a default.

    Args:
        token: A private or access token, or a callable that returns one.
            The client calls a callable before the first request and once after each 401, no matter
            how many requests are waiting. Read from HAUT_TOKEN or HAUT_TOKEN_FILE unless given.
        company_id: The company's id. Read from HAUT_COMPANY_ID unless given.
        dataset_id: Default dataset for calls without a `dataset_id` argument. Read from
            HAUT_DATASET_ID unless given.
        base_url: Origin of the service; plain http is accepted for loopback only. Read from
            HAUT_BASE_URL unless given. The default is the production service.
        timeout: Time limits of one attempt: a number of seconds, a `Timeout` or an `httpx.Timeout`.
        deadline: Limit, in seconds, for a whole call with all its attempts; None means no limit.
            The default is 120 for an API call and 900 for the transfer of one photo.
        max_retries: Maximum number of attempts after the first one; 4 unless given. A request is
            repeated only where that is safe.
        max_retry_after: Longest Retry-After, in seconds, that the client waits for; 60 unless
            given. If the service asks for more, the call fails.
        headers: Headers sent with every request to the API, but not to the storage.
        user_agent_suffix: Text appended to the User-Agent header.
        event_hooks: Event hooks of httpx. They are called once for each attempt. Request hooks
            receive the request including its secrets; response hooks receive the response. An
            exception raised by a hook ends the call. The time that hooks take does not count toward
            the deadline.
        max_in_flight: Maximum number of concurrent requests; 64 unless given.
        proxy: URL of a proxy, or an `httpx.Proxy`, for https only. The default is the proxy that
            the environment defines.
        verify: A CA file or folder, or an `ssl.SSLContext`; applies to an https proxy, too.
        transport: An httpx transport that replaces the client's connections. Cannot be combined
            with `proxy` or `verify`.
        environment: Variables to read instead of `os.environ`.

    Raises:
        ConfigError: If an argument is missing or invalid.

    Example:
        with Haut() as haut:
            subject = haut.subjects.get_or_create("customer-4711")
            batch = haut.upload_and_compute(subject.id, front="front.jpg")
            for image in haut.wait_for_analysis(batch):
                print(image.side, image.quality_score)
    """

    @hide_frames
    def __init__(
        self,
        *,
        token: SyncToken | None = None,
        environment: Mapping[str, str] | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        check_names(options, ClientOptions.__annotations__)
        self._connect(with_environment({**options, "token": token}, environment))

    def _connect(self, arguments: dict[str, Any]) -> None:
        provider = arguments.pop("token")
        scope = Scope(**_pop(arguments, ("company_id", "dataset_id", "base_url")))
        options = Options().merged(_pop(arguments, RequestOptions.__annotations__))
        connections = Connections(scope.base_url, TokenSource(provider), **arguments)
        http = HTTPClient(connections, options)
        self._set_operations(Operations(scope, http, ApiClient(http)), owner=True)

    def _set_operations(self, operations: Operations, *, owner: bool) -> None:
        self._operations = operations
        self._owns_connections = owner
        for name in _RESOURCES:  # resources of the client that this one was copied from
            self.__dict__.pop(name, None)

    @lazy_resource
    def subjects(self) -> Subjects:
        """Subjects of a dataset."""
        from haut_ext._sync.resources.subjects import Subjects

        return Subjects(self._operations)

    @lazy_resource
    def images(self) -> Images:
        """Images of subjects."""
        from haut_ext._sync.resources.images import Images

        return Images(self._operations)

    @lazy_resource
    def datasets(self) -> Datasets:
        """Datasets of the company."""
        from haut_ext._sync.resources.datasets import Datasets

        return Datasets(self._operations)

    @lazy_resource
    def private_tokens(self) -> PrivateTokens:
        """Private tokens of the user."""
        from haut_ext._sync.resources.private_tokens import PrivateTokens

        return PrivateTokens(self._operations)

    @lazy_resource
    def batches(self) -> Batches:
        """Batches of images."""
        from haut_ext._sync.resources.batches import Batches

        return Batches(self._operations)

    @classmethod
    @hide_frames
    def from_env(
        cls, environment: Mapping[str, str] | None = None, **options: Unpack[ClientOptions]
    ) -> Self:
        """Return a client that is configured by environment variables.

        Args:
            environment: Variables to read instead of `os.environ`: HAUT_TOKEN or HAUT_TOKEN_FILE,
                HAUT_COMPANY_ID and, optionally, HAUT_DATASET_ID and HAUT_BASE_URL.
            options: As in the constructor.

        Raises:
            ConfigError: If a required environment variable is missing; the message describes its
                value.
        """
        return cls(environment=environment, **options)

    @classmethod
    @hide_frames
    def login(
        cls,
        username: str,
        password: str,
        *,
        token_life: float = 3600.0,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """Log in, and return a client whose access token is renewed before it expires.

        In the last quarter of the token's lifetime, one caller refreshes it while the others
        continue to use it. A failed refresh is retried a minute later. In the last thirtieth of the
        lifetime, and after a 401, all callers wait for the new token; if the refresh fails, all of
        them raise the error. The password is sent again only if the service rejects the refresh,
        and at most once a minute.

        The service blocks frequent logins (api-facts 1.2), so log in once for a whole program. A
        client that was created by `login` cannot be pickled, because each copy would log in by
        itself. Give other processes a private token from `private_tokens.create`.

        Args:
            username: The user's e-mail address.
            password: The user's password. It is kept in memory as long as the client exists.
            token_life: Lifetime of an access token in seconds. The documented lifetime is one hour
                (api-facts 1.2).
            options: As in the constructor. `company_id` is the user's company unless given. The
                login itself is sent only once.

        Raises:
            ConfigError: If an argument is missing or invalid.
            BadRequest: If multi-factor authentication is enabled for this user, among other
                reasons. Such a user needs a private token from the SaaS portal.
            Unauthorized: If the username or password is wrong.
            RateLimited: If the service is currently blocking logins.
        """
        from haut_ext._sync.login import Login

        check_text(username=username, password=password)
        check_seconds(token_life=token_life)
        if "token" in options:
            raise ConfigError("token= cannot be used: the login returns the token")
        login = Login(username, password)
        company_id = options.get("company_id")
        if company_id is None:
            options["company_id"] = UUID(int=0)  # until the login returns the company id
        haut = cls(token=login, **options)
        operations = login.operations = haut._operations
        tokens = TokenSource(login, lifetime=token_life)
        operations.http.connections.tokens = tokens
        try:
            tokens.current()
        except BaseException:
            haut.close()
            raise
        if company_id is None:
            scope = evolve(haut.scope, company_id=login.company_id)
            haut._set_operations(evolve(operations, scope=scope), owner=True)
        return haut

    @hide_frames
    def with_options(self, **options: Unpack[RequestOptions]) -> Self:
        """Return a copy of this client with other options; the copy shares connections and token.

        Headers and event hooks are added to those of this client; other options are replaced. The
        copy has the same class and attributes. Closing the original client closes the shared
        connections; closing the copy does nothing.

        Args:
            options: `timeout`, `deadline`, `max_retries`, `max_retry_after`, `headers`,
                `user_agent_suffix` or `event_hooks`, as in the constructor.

        Raises:
            ConfigError: If an option is unknown or has an invalid value.
        """
        http = HTTPClient(self._operations.http.connections, self.options.merged(options))
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        operations = evolve(self._operations, http=http, api=ApiClient(http))
        copy._set_operations(operations, owner=False)
        return copy

    @hide_frames
    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: JsonValue | Unset = UNSET,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request to a route that the spec does not contain yet.

        Authentication, retries and errors work as in all other methods. A POST request is repeated
        only if the service certainly did not carry it out.

        Args:
            method: HTTP method.
            path: Path beginning with a slash, such as `/api/v1/companies/.../`, or a URL below
                `base_url`.
            params: Query parameters.
            json: JSON body.
            headers: Additional headers. Set Accept to receive a body other than JSON.

        Returns:
            The response. It has a success status, and its body has been read.

        Raises:
            ConfigError: If an argument is invalid, or the URL is not below `base_url`.
        """
        http = self._operations.http
        body: dict[str, Any] = {} if json is UNSET else {"json": json}
        try:
            url = httpx.URL(path).copy_merge_params(dict(params or {}))
            other_origin = origin_of(url) != http.connections.origin or url.userinfo
            if other_origin and (url.host or not path.startswith("/")):
                raise ConfigError("path must begin with / or be a URL below base_url")
            if not method.isascii() or not method.isalpha():
                raise ConfigError("method must be an HTTP method, such as GET")
            request = http.build_request(
                method.upper(), url, headers=check_headers(headers), **body
            )
        except ConfigError:
            raise
        except (TypeError, ValueError, RecursionError, httpx.InvalidURL) as error:
            raise ConfigError(f"the request is invalid: {type(error).__name__}") from None
        return http.send(request)

    @property
    def api(self) -> AuthenticatedClient:
        """Generated client for the functions of `haut_api`; shares this client's connections."""
        return self._operations.api

    @property
    def scope(self) -> Scope:
        """Service origin, company and default dataset of the client."""
        return self._operations.scope

    @property
    def options(self) -> Options:
        """The client's options, such as timeouts and retries."""
        return self._operations.http.call_options

    @overload
    def upload_and_compute(
        self,
        subject_id: Id,
        *,
        front: PhotoFile | None = ...,
        right: PhotoFile | None = ...,
        left: PhotoFile | None = ...,
        api: Api = ...,
        wait: Literal[True],
        **options: Unpack[UploadOptions],
    ) -> AnalyzedBatch: ...

    @overload
    def upload_and_compute(
        self,
        subject_id: Id,
        *,
        front: PhotoFile | None = ...,
        right: PhotoFile | None = ...,
        left: PhotoFile | None = ...,
        api: Api = ...,
        wait: bool = ...,
        **options: Unpack[UploadOptions],
    ) -> UploadedBatch: ...

    def upload_and_compute(
        self,
        subject_id: Id,
        *,
        front: PhotoFile | None = None,
        right: PhotoFile | None = None,
        left: PhotoFile | None = None,
        api: Api = "v1",
        wait: bool = False,
        **options: Unpack[UploadOptions],
    ) -> UploadedBatch:
        """Upload one to three photos of a subject as one batch, and start their analysis.

        All photos are checked before the first request. The analysis, which is billed, is started
        once, after all photos are stored.

        Args:
            subject_id: The subject's id.
            front: Photo of the front side: a path, a `data:` URL, bytes or a binary file. It must be
                a complete JPEG, PNG or WEBP, with edges of at least 256 pixels and 1 to 31,457,280
                bytes.
            right: Photo of the right side.
            left: Photo of the left side.
            api: API version; `v3` for Face Metrics 3.0, which does not accept `light`.
            wait: Whether to wait for the analysis results, as `wait_for_results` does.
            options: See `UploadOptions`, `PhotoAttributes` and `WaitOptions`.

        Returns:
            The batch; with `wait=True`, an `AnalyzedBatch`, whose `results` are complete.

        Raises:
            ConfigError: Before any request, if an argument is invalid.
            ImageRejected: Before any request, if a photo is invalid; lists the problems of all
                photos.
            UploadIncomplete: If the upload stopped; pass the error's `state` to `resume_upload`.
            ResultsTimeout: If the upload is complete, but not all results exist within
                `wait_timeout`. The error carries the batch and the existing results.
        """
        from haut_ext._sync.workflows.upload import new_state

        files = _given_photos(front, right, left)
        scope = self._scope_of(options)
        state = new_state(scope, parse_id(subject_id, "subject_id"), files, api)
        return self._upload(state, files, options, wait=wait)

    @overload
    def resume_upload(
        self,
        state: UploadState,
        *,
        front: PhotoFile | None = ...,
        right: PhotoFile | None = ...,
        left: PhotoFile | None = ...,
        compute_again: bool = ...,
        wait: Literal[True],
        **options: Unpack[UploadOptions],
    ) -> AnalyzedBatch: ...

    @overload
    def resume_upload(
        self,
        state: UploadState,
        *,
        front: PhotoFile | None = ...,
        right: PhotoFile | None = ...,
        left: PhotoFile | None = ...,
        compute_again: bool = ...,
        wait: bool = ...,
        **options: Unpack[UploadOptions],
    ) -> UploadedBatch: ...

    def resume_upload(
        self,
        state: UploadState,
        *,
        front: PhotoFile | None = None,
        right: PhotoFile | None = None,
        left: PhotoFile | None = None,
        compute_again: bool = False,
        wait: bool = False,
        **options: Unpack[UploadOptions],
    ) -> UploadedBatch:
        """Complete a stopped upload from the state that `UploadIncomplete` carries.

        Photos that are already stored are not sent again. If an image record exists but its photo
        may not be stored, the record is deleted and created again. This includes records in the
        batch of the upload whose creation was not confirmed. If the response with the batch id was
        lost, the record cannot be distinguished from those of another program: it is not deleted,
        and the returned batch lists it in `possible_leftovers`.

        In v3, unless all sides are stored, all records are deleted and all photos are sent again.

        Args:
            state: `UploadIncomplete.state`, or a state passed to `on_state`.
            front: Photo of the front side, if `state.missing` contains it.
            right: Photo of the right side, if `state.missing` contains it.
            left: Photo of the left side, if `state.missing` contains it.
            compute_again: Whether to start the analysis even if it may already have been started
                and billed. If False, and the start is unconfirmed, the images are checked for
                results; if there are none, the upload remains incomplete.
            wait: As in `upload_and_compute`.
            options: As in `upload_and_compute`.

        Raises:
            ConfigError: If the state is damaged or belongs to another service, company or dataset,
                the photos are not those of exactly the sides that are missing, or another call in
                this process is carrying out the same upload.
            ImageRejected: Before any request, if a photo is invalid; lists the problems of all
                photos.
            UploadIncomplete: If the upload stopped again; carries the new state.
            ResultsTimeout: As in `upload_and_compute`.
        """
        from haut_ext._sync.workflows.upload import check_state

        check_state(state, self._scope_of(options))
        files = _given_photos(front, right, left)
        return self._upload(
            state, files, options, wait=wait, compute_again=compute_again, resumed=True
        )

    def _scope_of(self, options: UploadOptions) -> Scope:
        dataset_id = options.get("dataset_id")
        return self.scope if dataset_id is None else evolve(self.scope, dataset_id=dataset_id)

    def _upload(
        self,
        state: UploadState,
        files: Mapping[Side, PhotoFile],
        options: UploadOptions,
        *,
        wait: bool,
        compute_again: bool = False,
        resumed: bool = False,
    ) -> UploadedBatch:
        from haut_ext._sync.workflows.upload import upload_and_compute
        from haut_ext.keyword_arguments import WaitOptions

        waiting = {name: it for name, it in options.items() if name in WaitOptions.__annotations__}
        if waiting and not wait:
            raise ConfigError(f"{next(iter(waiting))}= is accepted only together with wait=True")
        results = self._results(state, options.get("dataset_id"), **waiting) if wait else None
        # Two calls with the same state would each start the analysis. States of new uploads differ,
        # unless they are created at the same time.
        with running(
            state.service,
            state.subject_id,
            state.started_at,
            exclusive=resumed,
            message="another call in this process is carrying out the same upload: wait until it "
            "ends, and resume its last state if it was not completed",
        ):
            return upload_and_compute(
                self.images, state, files, options, compute_again=compute_again, results=results
            )

    def wait_for_analysis(
        self,
        batch: UploadedBatch,
        wait_timeout: float = 120.0,
        *,
        dataset_id: Id | None = None,
    ) -> tuple[Image, ...]:
        """Wait until every image of a batch is analyzed, and return the images.

        The API does not report when an analysis is complete. An image counts as analyzed once it
        has an auxiliary image and either a quality score or a list of problems. An image without a
        face may get none of them: if the record still contains none after 10 seconds, its results
        are read, too. The images are requested at intervals that grow from 0.5 to 5 seconds.

        Args:
            batch: The result of `upload_and_compute`.
            wait_timeout: Maximum time to wait, in seconds.
            dataset_id: Dataset of the subject, for v1; the client's unless given.

        Raises:
            AnalysisTimeout: If an image is not analyzed in time. The error carries all images.
            NotFound: If the batch does not exist.
        """
        from haut_ext._sync.workflows.wait import Polling, wait_for_analysis

        polling = Polling(self._operations.http.connections.polls, wait_timeout)
        dataset = self._scope_of({"dataset_id": dataset_id}).dataset_id
        return wait_for_analysis(self.images, self.batches, batch, polling, dataset)

    def results(
        self, batch: UploadedBatch | UploadedImage, *, dataset_id: Id | None = None
    ) -> BatchResults:
        """Return the currently available results of a batch or, in v1, of one image.

        The results include failed algorithms; see `BatchResults.failures`.

        Args:
            batch: The result of `upload_and_compute` or `images.upload`. For a batch uploaded by
                another program, pass `UploadedBatch(subject_id, batch_id)`.
            dataset_id: Dataset of the subject, for v1; the client's unless given.

        Returns:
            The results. `complete` is True only if the service reports completeness, which v1 does
            not.

        Raises:
            NotFound: If the batch or image does not exist.
        """
        return self._results(batch, dataset_id).read(batch)

    def history(
        self, subject_id: Id, *, api: Api = "v1", dataset_id: Id | None = None
    ) -> list[Row]:
        """Return the results of all images of a subject as rows, ordered by time.

        Sends a request for the results of each image or, in v3, of each batch, and does not wait
        for results.

        Args:
            subject_id: The subject's id.
            api: API version of the results.
            dataset_id: Dataset of the subject, for v1; the client's unless given.

        Returns:
            A row for each metric, as `BatchResults.to_rows` returns them. `name` is None. `date` is
            the time of the result or, in v3, the creation time of the first image of the batch.

        Raises:
            NotFound: If the subject does not exist.
        """
        from haut_ext._sync.workflows.history import history

        dataset = None if api == "v3" else self.scope.dataset(dataset_id)
        return history(self.images, subject_id, api, dataset)

    def wait_for_results(
        self,
        batch: UploadedBatch | UploadedImage,
        wait_timeout: float = 120.0,
        *,
        wait_for: Collection[str] = (),
        settled_after: float = 10.0,
        poll_interval: float = 5.0,
        dataset_id: Id | None = None,
    ) -> BatchResults:
        """Wait until all results of a batch or, in v1, of one image exist.

        In v3, the service reports when the results are complete. In v1 it does not, so pass the
        families that you need as `wait_for`. If `wait_for` is omitted, v1 results count as complete
        when every image has at least one result, and no result was added for `settled_after`
        seconds. `completeness` of the results tells which of these was the case.

        All waits of a client and its copies share their requests: after the first check of each
        wait, they send at most 50 requests in `poll_interval` seconds, or in 5 seconds if that is less.

        Args:
            batch: As in `results`.
            wait_timeout: Maximum time to wait, in seconds.
            wait_for: As in `WaitOptions`.
            settled_after: As in `WaitOptions`.
            poll_interval: As in `WaitOptions`.
            dataset_id: Dataset of the subject, for v1; the client's unless given.

        Raises:
            ConfigError: If a family in `wait_for` is unknown; the message lists the known ones.
            ResultsTimeout: If results are missing after `wait_timeout`. The error tells what is
                missing, and carries the batch and the existing results.
            NotFound: If the batch or image does not exist.
        """
        results = self._results(
            batch,
            dataset_id,
            wait_timeout=wait_timeout,
            wait_for=wait_for,
            settled_after=settled_after,
            poll_interval=poll_interval,
        )
        return results.wait(batch)

    def _results(
        self,
        source: UploadedBatch | UploadedImage | UploadState,
        dataset_id: Id | None,
        **waiting: Any,
    ) -> Results:
        from haut_ext._sync.workflows.wait import Polling, Results
        from haut_ext.types import UploadedImage

        in_v3 = not isinstance(source, UploadedImage) and source.api == "v3"
        dataset = None if in_v3 else self.scope.dataset(dataset_id)
        polls = self._operations.http.connections.polls
        polling = Polling(polls, **_pop(waiting, ("wait_timeout", "poll_interval")))
        return Results(self.images, self.batches, dataset, polling, **waiting)

    def image_types(self) -> tuple[ImageType, ...]:
        """Return the image types of the service, with the names and numbers of sides and lights."""
        from haut_api.api.dictionaries import list_image_types

        return tuple([found for found in self.paginate_all(list_image_types)])

    def algorithms(self) -> tuple[Algorithm, ...]:
        """Return the algorithms of the service."""
        from haut_api.api.dictionaries import list_algorithms

        return tuple([found for found in self.paginate_all(list_algorithms)])

    def paginate_all(self, operation: ListOperation[T], **parameters: Any) -> Iterator[T]:
        """Iterate over all items of a generated list operation, requesting pages when needed.

        Args:
            operation: A module of `haut_api.api`, such as `haut_api.api.images.list_images`.
            parameters: Parameters of the operation, except `client` and `page`. `company_id` and
                `dataset_id` default to the client's values.

        Raises:
            ConfigError: If `operation` is not a list operation, or a parameter is invalid.
            ListChanging: While iterating, if the list changes faster than it can be read.

        Example:
            from haut_api.api.subjects import list_subjects

            with Haut.from_env() as haut:
                for subject in haut.paginate_all(list_subjects, page_size=50):
                    print(subject.id)
        """
        from haut_ext._sync.pagination import iterate

        return iterate(self._operations, operation, **parameters)

    def erase_subject(
        self,
        subject_id: Id,
        *,
        keep_subject: bool = False,
        dataset_id: Id | None = None,
        reference: str | None = None,
        receipt: ErasureReceipt | None = None,
        on_step: Callable[[ErasureReceipt], None] | None = None,
    ) -> ErasureReceipt:
        """Erase all data of a person, and verify that the service stores none of it anymore.

        Nothing is changed before the service has shown the subject in its dataset. Data is deleted
        in this order: files, image records, batches, metadata, subject. Before the subject is
        deleted, the method checks that no results or auxiliary images remain.

        Args:
            subject_id: The subject's id.
            keep_subject: Whether to keep the subject's own record and its name, and clear the rest.
            dataset_id: Dataset of the subject; the client's unless given.
            reference: Reference of the case for the receipt, such as a file number; up to 200
                characters.
            receipt: Receipt of an earlier call, to complete that erasure. The new receipt includes
                the steps of the old one, and everything that the old one found is checked again. If
                the subject was observed in the earlier call, it is no error that it is missing.
            on_step: Called with the current receipt whenever it changes, before the next request.
                To survive a crash, persist the receipt.

        Returns:
            A receipt without personal data. It lists every step with its time, and states whether
            the erasure was verified.

        Raises:
            ConfigError: If the receipt belongs to another subject, dataset, company or service, or
                has another reference.
            NotFound: If the service states that the dataset has no such subject; nothing was
                changed.
            ErasureIncomplete: If a step failed. To complete the erasure, call this method again
                with the error's receipt.

        Example:
            with Haut.from_env() as haut:
                subject = haut.subjects.create("customer-4712")
                receipt = haut.erase_subject(subject.id)
                print(receipt, receipt.to_json())
        """
        from haut_ext._sync.workflows.erase import erase_subject
        from haut_ext.erasure_receipt import ErasureReceipt, check_reference

        started = ErasureReceipt(
            service=self.scope.base_url,
            sandbox=False,
            client=f"haut-ext {__version__}",
            reference=check_reference(reference),
            company_id=self.scope.company_id,
            dataset_id=self.scope.dataset(dataset_id),
            subject_id=parse_id(subject_id, "subject_id"),
            keep_subject=keep_subject,
        )
        if receipt is not None:
            evolve(self.scope, dataset_id=started.dataset_id).check(receipt, "the receipt")
            started = started.resume(receipt)
        return erase_subject(self.subjects, self.images, self.batches, started, on_step)

    def verify_erasure(
        self,
        receipt: ErasureReceipt,
        *,
        dataset_id: Id | None = None,
        on_step: Callable[[ErasureReceipt], None] | None = None,
    ) -> ErasureReceipt:
        """Make all checks of an erasure again, and add their results to its receipt.

        The method deletes nothing. To look up the subject, it sends an update without changes. If the
        service then responds that the subject does not exist, it reads the list of all subjects of
        the dataset. The receipt contains no name: if the person was created again, the new subject has
        another id, and is not found.

        Args:
            receipt: Receipt of the erasure.
            dataset_id: Dataset of the subject; the client's unless given. Must be the receipt's.
            on_step: Called with the new receipt whenever it changes. To keep the results if the
                process is interrupted, persist the receipt.

        Returns:
            The receipt with the new steps, of which the first is `verification`. `verified` becomes
            false if a check finds data, and stays false until the same check finds nothing.

        Raises:
            ConfigError: If the receipt belongs to another dataset, company or service.
            VerificationIncomplete: If a check could not be made, after all other checks were made. The
                error's receipt contains their results.

        Example:
            with Haut.from_env() as haut:
                subject = haut.subjects.create("customer-4714")
                receipt = haut.erase_subject(subject.id)
                later = haut.verify_erasure(receipt)
                print(later.verified, later)
        """
        from haut_ext._sync.workflows.erase import verify_erasure

        scope = self.scope
        if dataset_id is not None:
            scope = evolve(scope, dataset_id=scope.dataset(dataset_id))
        scope.check(receipt, "the receipt")
        receipt = evolve(receipt, client=f"haut-ext {__version__}")
        return verify_erasure(self.subjects, self.images, self.batches, receipt, on_step)

    def export_subject(
        self,
        subject_id: Id,
        *,
        to: str | os.PathLike[str],
        dataset_id: Id | None = None,
        reference: str | None = None,
        on_file: Callable[[ExportedFile], None] | None = None,
    ) -> ExportManifest:
        """Write everything that the service returns about a person to a folder or a zip file.

        The export contains the subject's record, batches, image records, results, photos, auxiliary
        images and masks, as the service returned them, tables as CSV files, and a manifest. Only the
        queries of signed URLs are removed. The data is read again until nothing has changed.

        Nothing is written before the service has shown the subject in its dataset. If an export
        stops, the same call continues it: records and results are read again, and complete
        downloads are kept.

        Args:
            subject_id: The subject's id.
            to: Path of a new folder or, if it ends with `.zip`, of a new file. The folder of a zip
                file that is not finished is `<to>.partial`.
            dataset_id: Dataset of the subject; the client's unless given.
            reference: Reference of the case for the manifest, such as a file number; up to 200
                characters.
            on_file: Called with each new file.

        Returns:
            The manifest. `complete` states whether everything was exported.

        Raises:
            ConfigError: If the path cannot be used, such as for the export of another subject.
            NotFound: If the service states that the dataset has no such subject.
            ExportIncomplete: If a request failed, or a file could not be written.

        Example:
            with Haut.from_env() as haut:
                subject = haut.subjects.create("customer-4713")
                manifest = haut.export_subject(subject.id, to="customer-4713.zip")
                print(manifest)
        """
        from haut_ext._sync.workflows.export import export_subject
        from haut_ext.erasure_receipt import check_reference
        from haut_ext.export_manifest import ExportManifest

        manifest = ExportManifest(
            service=self.scope.base_url,
            sandbox=False,
            client=f"haut-ext {__version__}",
            reference=check_reference(reference),
            company_id=self.scope.company_id,
            dataset_id=self.scope.dataset(dataset_id),
            subject_id=parse_id(subject_id, "subject_id"),
            started_at=datetime.now(UTC),
        )
        return export_subject(self._operations, self.subjects, manifest, to, on_file)

    def close(self) -> None:
        """Close the connections once running calls have ended; do nothing for a copy."""
        if self._owns_connections:
            self._operations.http.connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        scope = self.scope if "_operations" in self.__dict__ else "not connected"
        return f"{type(self).__name__}({scope})"

    def __getstate__(self) -> dict[str, Any]:
        """Return the constructor arguments except the token, and any attributes set by a subclass.

        Raises:
            ConfigError: If an argument or attribute cannot be pickled; the message names it.
        """
        return self._state(self._picklable_token())

    def _state_without_token(self) -> dict[str, Any]:
        """Return the state of a copy that only transfers photos, in another process.

        It has no headers: they are not sent to the storage, and may contain secrets.
        """
        state = self._state(no_token)
        state["arguments"]["headers"] = {}
        return state

    def _state(self, token: SyncToken | None) -> dict[str, Any]:
        import pickle

        connections = self._operations.http.connections
        if connections.proxies.has_password:
            raise ConfigError(
                "this client cannot be pickled: proxy= contains a password, which is not pickled. "
                "Set HTTPS_PROXY instead"
            )
        arguments = {
            **asdict(self.options, recurse=False),
            **asdict(self.scope),
            **connections.arguments,
            "token": token,
        }
        if arguments["deadline"] == "default":
            del arguments["deadline"]
        attributes = {name: it for name, it in self.__dict__.items() if name not in _ATTRIBUTES}
        for name, value in {**attributes, **arguments}.items():
            try:
                pickle.dumps(value)
            except Exception as error:
                raise ConfigError(
                    f"this client cannot be pickled: {name}= raises {type(error).__name__}. "
                    "Pass importable callables and plain values, or create a client in each process"
                ) from None
        return {"arguments": arguments, "attributes": attributes}

    def _picklable_token(self) -> SyncToken | None:
        """Return the token provider, or None if the token is read from the environment."""
        from haut_ext._sync.login import Login

        provider = self._operations.http.connections.tokens.provider
        if isinstance(provider, Login):
            raise ConfigError(
                "a client that was created by login cannot be pickled: each copy would log in by "
                "itself, and the service blocks frequent logins. Give other processes a private "
                "token (haut.private_tokens.create), or a callable as token="
            )
        if not isinstance(provider, Secret):
            return provider
        token = None
        with suppress(ConfigError):  # the environment contains no token, or an unusable one
            token = with_environment({"company_id": self.scope.company_id})["token"]
        same = isinstance(token, str) and Secret(token) == provider
        del token
        if not same:
            raise ConfigError(
                "this client cannot be pickled: token= was given as a string, and secrets are not "
                "pickled. Set HAUT_TOKEN or HAUT_TOKEN_FILE, or pass an importable callable"
            )
        return None

    @hide_frames
    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state["attributes"])
        arguments = with_environment(state["arguments"])
        self._connect({**arguments, "dataset_id": state["arguments"]["dataset_id"]})


def _pop(arguments: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: arguments.pop(name) for name in names if name in arguments}


def _given_photos(
    front: PhotoFile | None, right: PhotoFile | None, left: PhotoFile | None
) -> dict[Side, PhotoFile]:
    files: dict[Side, PhotoFile | None] = {"front": front, "right": right, "left": left}
    return {side: file for side, file in files.items() if file is not None}
