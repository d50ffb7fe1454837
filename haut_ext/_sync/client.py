# Derived from haut_ext/_async/client.py by `make sync`; change that file instead.
"""The client: constructor, resources and workflows."""

from __future__ import annotations

import datetime
import pickle
from collections.abc import Collection, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack
from uuid import UUID

import httpx
from attrs import asdict, evolve

from haut_api.api.dictionaries import list_algorithms, list_image_types
from haut_api.models import Algorithm, Image, ImageType
from haut_api.types import UNSET, Unset
from haut_ext._http.call import origin_of
from haut_ext._http.tokens import SyncToken
from haut_ext._sync.auth import TokenSource
from haut_ext._sync.connections import Connections
from haut_ext._sync.generated_client import ApiClient
from haut_ext._sync.http import HTTPClient
from haut_ext._sync.login import Login
from haut_ext._sync.operations import Operations
from haut_ext._sync.pagination import ListOperation, iterate
from haut_ext._sync.resources.batches import Batches
from haut_ext._sync.resources.datasets import Datasets
from haut_ext._sync.resources.images import Images
from haut_ext._sync.resources.private_tokens import PrivateTokens
from haut_ext._sync.resources.subjects import Subjects
from haut_ext._sync.workflows.analysis_wait import wait_for_analysis
from haut_ext._sync.workflows.erase import erase_subject
from haut_ext._sync.workflows.results_wait import Results
from haut_ext._sync.workflows.upload import (
    Attributes,
    OnState,
    Progress,
    new_state,
    upload_and_compute,
)
from haut_ext.analysis_results import Api, BatchResults
from haut_ext.erasure_receipt import ErasureReceipt
from haut_ext.errors import ConfigError
from haut_ext.photos.checks import PhotoFile
from haut_ext.settings import (
    NotGiven,
    Options,
    RequestOptions,
    Scope,
    check_headers,
    check_names,
    check_seconds,
    check_text,
    parse_id,
    with_environment,
)
from haut_ext.types import (
    Side,
    UploadedBatch,
    UploadedImage,
    UploadState,
)

T = TypeVar("T")


class ClientOptions(RequestOptions, total=False):
    """The optional arguments of the constructor; see `Haut`."""

    max_in_flight: int
    proxy: str | httpx.URL | httpx.Proxy | None
    verify: Any
    transport: httpx.BaseTransport | None


class Haut:
    """A client of the Haut.AI API.

    One client serves a whole program: it keeps connections and may be used by many threads at once.
    Close it, or use it in `with`.

    An argument goes before the environment, and the environment before a default. `with_options`
    replaces an option, and adds headers and hooks to those of this client.

    Args:
        token: A private or access token, or a callable that returns one.
            A callable is called for the first request and once more after a 401, however many wait.
            From HAUT_TOKEN or HAUT_TOKEN_FILE unless given.
        company_id: The company's UUID; from HAUT_COMPANY_ID unless given.
        dataset_id: The dataset for calls that do not name another; from HAUT_DATASET_ID unless
            given.
        base_url: The service's origin; plain http is accepted for loopback only. From HAUT_BASE_URL
            unless given, otherwise the production service.
        timeout: The limits of one attempt: a number of seconds, a `Timeout` or an `httpx.Timeout`.
        deadline: Seconds for a whole call with all its attempts; None for no limit. Unless given,
            120 for a call of the API and 900 for the transfer of one photo.
        max_retries: Further attempts after the first, where repeating is safe; 4 unless given.
        headers: Sent with every request to the API, not to the storage.
        user_agent_suffix: Added to the User-Agent.
        event_hooks: httpx's event hooks, called once for each attempt with the request as sent,
            secrets included, or with its response. What they raise ends the call; their time does
            not count towards the deadline.
        max_in_flight: Maximum number of concurrent requests; 64 unless given.
        proxy: A URL or an `httpx.Proxy`, for https only; the environment's proxies unless given.
        verify: A CA file or folder, or an `ssl.SSLContext`, for an https proxy too.
        transport: An httpx transport to be used instead of connections; excludes `proxy` and
            `verify`.

    Attributes:
        subjects: The subjects of a dataset.
        images: The photos of subjects.
        datasets: The datasets of the company.
        private_tokens: The private tokens of the user.
        batches: The batches of photos.
        api: The generated client on the same connections, for `haut_api`'s own functions.

    Raises:
        ConfigError: If an argument is missing or invalid.

    Example:
        with Haut() as haut:
            subject = haut.subjects.get_or_create("customer-4711")
            batch = haut.upload_and_compute(subject.id, front="front.jpg")
            for image in haut.wait_for_analysis(batch):
                print(image.side, image.quality_score)
    """

    def __init__(
        self,
        *,
        token: SyncToken | None = None,
        company_id: str | UUID | None = None,
        dataset_id: str | UUID | NotGiven | None = None,
        base_url: str | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        given = {
            "token": token,
            "company_id": company_id,
            "dataset_id": dataset_id,
            "base_url": base_url,
        }
        self._configure(with_environment(given), options)

    def _configure(self, arguments: dict[str, Any], options: Any) -> None:
        check_names(options, ClientOptions.__annotations__)
        changes = {
            name: options[name] for name in RequestOptions.__annotations__ if name in options
        }
        settings = {name: value for name, value in options.items() if name not in changes}
        provider = arguments.pop("token")
        scope = Scope(**arguments)
        connections = Connections(scope.base_url, TokenSource(provider), **settings)
        http = HTTPClient(connections, Options().merged(changes))
        self._assemble(scope, http, {}, owner=True)

    def _assemble(
        self,
        scope: Scope,
        http: HTTPClient,
        image_types: dict[UUID, ImageType],
        *,
        owner: bool,
    ) -> None:
        self._owner = owner
        self.api = ApiClient(http)
        self._operations = Operations(scope, http, self.api, image_types)
        self.subjects = Subjects(self._operations)
        self.images = Images(self._operations)
        self.datasets = Datasets(self._operations)
        self.private_tokens = PrivateTokens(self._operations)
        self.batches = Batches(self._operations)

    @classmethod
    def from_env(
        cls,
        environment: Mapping[str, str] | None = None,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """Return a client for what the environment names.

        Args:
            environment: Read instead of the process's own: HAUT_TOKEN or HAUT_TOKEN_FILE,
                HAUT_COMPANY_ID and, optionally, HAUT_DATASET_ID and HAUT_BASE_URL.
            options: As in the constructor.

        Raises:
            ConfigError: If a required variable is missing; says what each is and where it is found.
        """
        found = with_environment({}, environment)
        found.setdefault("dataset_id", NotGiven.NOT_GIVEN)
        return cls(**found, **options)

    @classmethod
    def login(
        cls,
        username: str,
        password: str,
        *,
        company_id: str | UUID | None = None,
        dataset_id: str | UUID | None = None,
        base_url: str | None = None,
        token_life: float = 3600.0,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """Log in, and return a client whose access token is renewed before it ends.

        It is refreshed in the last quarter of its lifetime by one caller while the others go on;
        after a failure it is tried again a minute later. In the last thirtieth, and after a 401,
        all callers wait for it and get its failure. Only when the service refuses to refresh is the
        password sent again, never twice within a minute.

        The service blocks frequent logins (api-facts 1.2): log in once for a whole program. Such a
        client cannot be pickled, since each copy would log in by itself; give other processes a
        private token from `private_tokens.create`.

        Args:
            username: The user's e-mail address.
            password: The user's password; kept in memory for as long as the client is.
            company_id: The company's UUID; the one that the service names for this user unless
            given.
            dataset_id: As in the constructor.
            base_url: As in the constructor.
            token_life: Lifetime of an access token in seconds; an hour, as documented
                (api-facts 1.2).
            options: As in the constructor; the login itself is sent only once.

        Raises:
            ConfigError: If an argument is missing or invalid.
            BadRequest: Among others if multi-factor authentication is on for this user: use a
                private token from the SaaS portal instead.
            Unauthorized: If username or password is wrong.
            RateLimited: If the service blocks logins for now.
        """
        check_text(username=username, password=password)
        check_seconds(token_life=token_life)
        login = Login(username, password)
        given = {
            "token": login,
            # Until the login names the company, no operation that takes one is called.
            "company_id": UUID(int=0) if company_id is None else company_id,
            "dataset_id": dataset_id,
            "base_url": base_url,
        }
        haut = cls(**with_environment(given), **options)
        haut._operations.http.connections.tokens = TokenSource(login, lifetime=token_life)
        login.operations = haut._operations
        http = haut._operations.http
        try:
            http.connections.tokens.current()
        except BaseException:
            haut.close()
            raise
        if company_id is None:
            scope = evolve(haut.scope, company_id=login.company_id)
            haut._assemble(scope, http, {}, owner=True)
        return haut

    def with_options(self, **options: Unpack[RequestOptions]) -> Self:
        """Return a client with other options, on the same connections and token.

        Headers and event hooks are added to those of this client, everything else is replaced. The
        result has this client's class and attributes. Closing this client closes the connections of
        both; closing the result does nothing.

        Args:
            options: `timeout`, `deadline`, `max_retries`, `headers`, `user_agent_suffix` or
                `event_hooks`, as in the constructor.

        Raises:
            ConfigError: If an option is unknown or its value invalid.
        """
        operations = self._operations
        http = HTTPClient(operations.http.connections, operations.http.call_options.merged(options))
        derived = object.__new__(type(self))
        derived.__dict__.update(self.__dict__)
        derived._assemble(self.scope, http, operations.image_types, owner=False)
        return derived

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = UNSET,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Call an operation that the spec does not have yet, with the same token, retries and
        errors.

        A POST is repeated only if it was certainly not carried out.

        Args:
            method: The HTTP method.
            path: From the first slash, such as `/api/v1/companies/.../`, or an address of the API.
            params: The query.
            json: The body.
            headers: Further headers. An Accept other than JSON allows other bodies.

        Returns:
            The response, a success, read to its end.

        Raises:
            ConfigError: If an argument is invalid, or the address is not one of the API's.
        """
        check_text(method=method, path=path)
        http = self._operations.http
        more: dict[str, Any] = {} if isinstance(json, Unset) else {"json": json}
        try:
            url = httpx.URL(path).copy_merge_params(dict(params or {}))
            elsewhere = origin_of(url) != http.connections.origin or url.userinfo
            if elsewhere and (url.host or not path.startswith("/")):
                raise ConfigError("path must begin with / or be an address of base_url")
            if not method.isascii() or not method.isalpha():
                raise ConfigError("method must be an HTTP method, such as GET")
            request = http.build_request(
                method.upper(), url, headers=check_headers(headers), **more
            )
        except (TypeError, ValueError, RecursionError, httpx.InvalidURL) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"the request is invalid: {type(error).__name__}") from None
        return http.send(request)

    @property
    def scope(self) -> Scope:
        """Where this client works: origin, company and usual dataset."""
        return self._operations.scope

    @property
    def options(self) -> Options:
        """The options of this client."""
        return self._operations.http.call_options

    def upload_and_compute(
        self,
        subject_id: str | UUID,
        *,
        front: PhotoFile | None = None,
        right: PhotoFile | None = None,
        left: PhotoFile | None = None,
        light: str | int | Unset | None = UNSET,
        name: str | Unset = UNSET,
        meta: Any = UNSET,
        creation_time: datetime.datetime | Unset | None = UNSET,
        app_args: Any = UNSET,
        progress: Progress | None = None,
        on_state: OnState | None = None,
        api: Api = "v1",
        wait: bool = False,
        timeout: float = 120.0,
        algorithms: Collection[str] = (),
        dataset_id: str | UUID | None = None,
    ) -> UploadedBatch:
        """Upload one to three photos of a subject as one batch, and start the computation.

        All photos are checked before the first request. The
        computation, which costs money, is started once, after the last byte has arrived.

        Args:
            subject_id: Whose photos.
            front: A path, bytes or a binary file: JPEG, PNG or WEBP, edges of at least 256 px, 1 to
                31,457,280 bytes.
            right: The same for the right side.
            left: The same for the left side.
            light: The light, for all photos, by name or number; 1 is regular.
            name: A name for the photos.
            meta: Free JSON, for all photos.
            creation_time: The batch's time, with its zone.
            app_args: Free JSON for the applications.
            progress: Called with the bytes sent, the total, and the side.
            on_state: Called with every state of the upload, also before a request whose outcome could
                stay unknown. Keep the last one to resume after an interruption, a cancellation or a
                crash; after any other failure the error carries it.
            api: `v3` for Face Metrics 3.0, which has no lights, and where `name` is the photos'
                file name.
            wait: Whether to wait for the results, too, as `wait_for_results` does.
            timeout: Seconds to wait for them at the longest.
            algorithms: As in `wait_for_results`.
            dataset_id: Another dataset than the client's, for the light's name and v1's results.

        Raises:
            ConfigError: Before any request, if an argument cannot be right.
            ImageRejected: Before any request, with everything that is wrong with any photo.
            UploadIncomplete: If it stopped anywhere; `resume_upload` finishes it from its `state`.
            ResultsTimeout: If not all results are there in time; carries those that are, and the
                batch, with which all is well.
        """
        files = _given(front, right, left)
        state = new_state(parse_id(subject_id, "subject_id"), files, api)
        attributes = Attributes(light, name, meta, creation_time, app_args, dataset_id)
        results = self._results(api, dataset_id, timeout, algorithms) if wait else None
        return upload_and_compute(
            self.images, state, files, attributes, progress, on_state=on_state, results=results
        )

    def resume_upload(
        self,
        state: UploadState,
        *,
        front: PhotoFile | None = None,
        right: PhotoFile | None = None,
        left: PhotoFile | None = None,
        light: str | int | Unset | None = UNSET,
        name: str | Unset = UNSET,
        meta: Any = UNSET,
        creation_time: datetime.datetime | Unset | None = UNSET,
        app_args: Any = UNSET,
        progress: Progress | None = None,
        on_state: OnState | None = None,
        compute_again: bool = False,
        wait: bool = False,
        timeout: float = 120.0,
        algorithms: Collection[str] = (),
        dataset_id: str | UUID | None = None,
    ) -> UploadedBatch:
        """Finish an upload that stopped half-way, from the state its error carries.

        Sides already stored are not sent again. A record whose bytes are not known to have arrived
        is deleted and made anew; so is one that a lost answer may have left behind, which is known
        by its side, its missing file and its time. Do not resume while the same side of the same
        person is being uploaded elsewhere.

        In v3, until all sides are stored, all records are deleted, and all photos are sent anew.

        Args:
            state: `UploadIncomplete.state`, or `UploadState.from_json` of what was kept of it.
            front: The photo, if that side is one of `state.missing`; likewise `right` and `left`.
            right: As `front`.
            left: As `front`.
            light: As in `upload_and_compute`; likewise the following.
            name: As in `upload_and_compute`.
            meta: As in `upload_and_compute`.
            creation_time: As in `upload_and_compute`.
            app_args: As in `upload_and_compute`.
            progress: As in `upload_and_compute`.
            on_state: As in `upload_and_compute`.
            compute_again: Send the computation once more although it may have been started, and
                paid for, already. Without it, that is looked up in the images, and if they show no
                result yet the upload stays incomplete.
            wait: As in `upload_and_compute`; likewise the following.
            timeout: As in `upload_and_compute`.
            algorithms: As in `upload_and_compute`.
            dataset_id: As in `upload_and_compute`.

        Raises:
            ConfigError: If the photos are not those of exactly the sides that are missing.
            ImageRejected: Before any request, with everything that is wrong with any photo.
            UploadIncomplete: If it stopped again, with the state reached now.
            ResultsTimeout: As in `upload_and_compute`.
        """
        files = _given(front, right, left)
        attributes = Attributes(light, name, meta, creation_time, app_args, dataset_id)
        results = self._results(state.api, dataset_id, timeout, algorithms) if wait else None
        return upload_and_compute(
            self.images,
            state,
            files,
            attributes,
            progress,
            compute_again=compute_again,
            on_state=on_state,
            results=results,
        )

    def wait_for_analysis(
        self,
        batch: UploadedBatch,
        timeout: float = 120.0,
    ) -> tuple[Image, ...]:
        """Wait until every image of a batch is analysed, as far as the image operations show it.

        Done is inferred, not documented: a quality score or a list of problems, and an auxiliary
        image. The service is asked at growing intervals, from half a second to five.

        Args:
            batch: What `upload_and_compute` returned.
            timeout: Seconds to wait at the longest.

        Raises:
            AnalysisTimeout: If some image is not analysed by then; carries what there is.
        """
        return wait_for_analysis(self.images, batch, timeout)

    def results(
        self, batch: UploadedBatch | UploadedImage, *, dataset_id: str | UUID | None = None
    ) -> BatchResults:
        """Return what the algorithms have found by now in a batch, or in one image (v1).

        Failures come with HTTP 200 and stand among the results: see `BatchResults.failures`.

        Args:
            batch: What `upload_and_compute` or `images.upload` returned. Of a batch that was
                uploaded elsewhere, `UploadedBatch(subject_id, batch_id)` is enough; its images are
                listed.
            dataset_id: Another dataset than the client's, for v1.

        Returns:
            The results, `complete` if the service says so, which v1 never does.

        Raises:
            NotFound: If there is no such batch or image.
        """
        api = batch.api if isinstance(batch, UploadedBatch) else "v1"
        return self._results(api, dataset_id).read(batch)

    def wait_for_results(
        self,
        batch: UploadedBatch | UploadedImage,
        timeout: float = 120.0,
        *,
        algorithms: Collection[str] = (),
        settled_after: float = 10.0,
        dataset_id: str | UUID | None = None,
    ) -> BatchResults:
        """Wait until all results of a batch, or of one image (v1), are there.

        v3 says when that is. v1 does not: name the algorithms you expect; or else it is inferred,
        from lists that have each begun, and that have not grown for `settled_after` seconds. The
        service is asked at growing intervals, from half a second to five.

        Args:
            batch: As in `results`.
            timeout: Seconds to wait at the longest.
            algorithms: Families, such as `selfie_v2.acne`, that every image is to have results of;
                v1 only.
            settled_after: Seconds without a new result after which v1's are taken as whole.
            dataset_id: Another dataset than the client's, for v1.

        Raises:
            ResultsTimeout: If not all are there by then; carries those that are, and the batch.
            NotFound: If there is no such batch or image.
        """
        api = batch.api if isinstance(batch, UploadedBatch) else "v1"
        reading = self._results(api, dataset_id, timeout, algorithms, settled_after)
        return reading.wait(batch)

    def _results(self, api: Api, dataset_id: str | UUID | None, *waiting: Any) -> Results:
        dataset = None if api == "v3" else self.scope.dataset(dataset_id)
        return Results(self.images, dataset, *waiting)

    def image_types(self) -> tuple[ImageType, ...]:
        """Return what photos can show, each with the names and numbers of its sides and lights."""
        return tuple([found for found in iterate(self._operations, list_image_types)])

    def algorithms(self) -> tuple[Algorithm, ...]:
        """Return the algorithms that the service has."""
        return tuple([found for found in iterate(self._operations, list_algorithms)])

    def paginate_all(self, operation: ListOperation[T], **parameters: Any) -> Iterator[T]:
        """Iterate over all items of any generated list operation, lazily.

        Args:
            operation: A module of `haut_api.api`, such as `haut_api.api.images.list_images`.
            parameters: The operation's own, except `client`, `company_id` and `page`.

        Raises:
            ConfigError: If the operation is not a list, or an id cannot be right.
            ListChanging: While iterating, if the list changes faster than it can be read.

        Example:
            from haut_api.api.subjects import list_subjects

            with Haut.from_env() as haut:
                dataset = haut.scope.dataset()
                for subject in haut.paginate_all(list_subjects, dataset_id=dataset):
                    print(subject.id)
        """
        for name, value in parameters.items():
            if name.endswith("_id"):
                parameters[name] = parse_id(value, name)
        return iterate(self._operations, operation, **parameters)

    def erase_subject(
        self,
        subject_id: str | UUID,
        *,
        keep_subject: bool = False,
        dataset_id: str | UUID | None = None,
        receipt: ErasureReceipt | None = None,
    ) -> ErasureReceipt:
        """Erase a person's data: files, image records, batches, metadata, the subject; then ask
        again.

        Whether results and auxiliary images went with their images is asked before the subject
        goes.

        Args:
            subject_id: Whose data.
            keep_subject: Leave the subject's own record, emptied.
            dataset_id: Another dataset than the client's.
            receipt: The receipt of an `ErasureIncomplete`, to be completed by this call: the new
                one tells of both, and a subject that has gone meanwhile is not `NotFound`.

        Returns:
            A receipt without personal data: each step with its time, and whether the service,
            asked afterwards, had nothing left.

        Raises:
            ConfigError: If the receipt is of another subject, dataset or company.
            NotFound: If there is no such subject in the dataset; nothing was touched.
            ErasureIncomplete: If a step failed; carries the receipt so far. Call again to complete.

        Example:
            with Haut.from_env() as haut:
                subject = haut.subjects.create("customer-4712")
                receipt = haut.erase_subject(subject.id)
                print(receipt, receipt.to_json())
        """
        fresh = ErasureReceipt(
            company_id=self.scope.company_id,
            dataset_id=self.scope.dataset(dataset_id),
            subject_id=parse_id(subject_id, "subject_id"),
            keep_subject=keep_subject,
            steps=(),
            verified=False,
        )
        if receipt is not None:
            fresh = evolve(fresh, steps=receipt.steps)
            if fresh != evolve(receipt, keep_subject=keep_subject, verified=False):
                raise ConfigError("the receipt is not of this subject, dataset and company")
        return erase_subject(self.subjects, self.images, self.batches, fresh)

    def close(self) -> None:
        """Close the connections; calls in flight finish first. A derived client closes nothing."""
        if self._owner:
            self._operations.http.connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        scope = self.scope
        return (
            f"{type(self).__name__}(base_url={scope.base_url!r}, company_id='{scope.company_id}', "
            f"dataset_id={None if scope.dataset_id is None else str(scope.dataset_id)!r})"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return the configuration without the token, and the attributes of a subclass.

        Raises:
            ConfigError: If an argument of the constructor cannot travel; names it.
        """
        http = self._operations.http
        given = {**asdict(http.call_options, recurse=False), **http.connections.arguments}
        given["token"] = self._token_to_travel(http.connections.tokens.provider)
        if http.connections.proxies.has_password:
            raise ConfigError(
                "this client cannot be pickled: proxy= contains a password, which is not pickled. "
                "Set HTTPS_PROXY instead"
            )
        known = {*_ASSEMBLED}
        more = {name: value for name, value in self.__dict__.items() if name not in known}
        for name, value in {**more, **given}.items():
            try:
                pickle.dumps(value)
            except Exception as error:
                raise ConfigError(
                    f"this client cannot be pickled: {name}= cannot travel ({type(error).__name__}). "
                    "Pass importable callables and plain values, or make a client where it is used"
                ) from None
        token = given.pop("token")
        return {"scope": self.scope, "token": token, "options": given, "attributes": more}

    def _token_to_travel(self, provider: SyncToken) -> SyncToken | None:
        if isinstance(provider, Login):
            raise ConfigError(
                "a client made by login cannot be pickled: each copy would log in by itself, and the "
                "service blocks frequent logins. Give other processes a private token "
                "(haut.private_tokens.create), or a callable as token="
            )
        if not isinstance(provider, str):
            return provider
        if (
            with_environment({"company_id": self.scope.company_id, "token": None})["token"]
            != provider
        ):
            raise ConfigError(
                "this client cannot be pickled: token= was given as a string, and secrets are not "
                "pickled. Set HAUT_TOKEN or HAUT_TOKEN_FILE, or pass an importable callable"
            )
        return None

    def __setstate__(self, state: dict[str, Any]) -> None:
        scope: Scope = state["scope"]
        self.__dict__.update(state["attributes"])
        arguments = with_environment(
            {
                "token": state["token"],
                "company_id": scope.company_id,
                "dataset_id": scope.dataset_id or NotGiven.NOT_GIVEN,
                "base_url": scope.base_url,
            }
        )
        options = dict(state["options"])
        if options["deadline"] == "default":
            del options["deadline"]
        self._configure(arguments, options)


_ASSEMBLED = (
    *("_owner", "_operations", "api"),
    *("subjects", "images", "datasets", "private_tokens", "batches"),
)
"""What `_assemble` makes; everything else of a client belongs to its subclass."""


def _given(
    front: PhotoFile | None, right: PhotoFile | None, left: PhotoFile | None
) -> dict[Side, PhotoFile]:
    files: dict[Side, PhotoFile | None] = {"front": front, "right": right, "left": left}
    return {side: file for side, file in files.items() if file is not None}
