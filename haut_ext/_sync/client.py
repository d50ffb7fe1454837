# Derived from haut_ext/_async/client.py by `make sync`; change that file instead.
"""The face: one client with the subjects, the images and the workflows on them."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Collection, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

from attrs import evolve

from haut_api.api.dictionaries import list_algorithms, list_image_types
from haut_api.client import AuthenticatedClient
from haut_api.models import Algorithm, Image, ImageType
from haut_api.types import UNSET, Unset
from haut_ext._sync.analysis import wait_for_analysis
from haut_ext._sync.batches import Batches
from haut_ext._sync.datasets import Datasets
from haut_ext._sync.erasing import erase_subject
from haut_ext._sync.images import Images
from haut_ext._sync.login import Login
from haut_ext._sync.network import Sockets
from haut_ext._sync.paging import ListOperation, iterate
from haut_ext._sync.private_tokens import PrivateTokens
from haut_ext._sync.results import Results
from haut_ext._sync.session import Session
from haut_ext._sync.subjects import Subjects
from haut_ext._sync.tokens import TokenSource
from haut_ext._sync.transport import ApiClient, Pace, Transport
from haut_ext._sync.uploading import Attributes, Progress, new_state, upload_and_compute
from haut_ext.errors import ConfigError
from haut_ext.metrics import Api, BatchResults
from haut_ext.photo import PhotoFile
from haut_ext.results import ErasureReceipt, Side, UploadedBatch, UploadedImage, UploadState
from haut_ext.settings import PRODUCTION, Options, Scope, Timeout, from_environment, parse_id
from haut_ext.wire.tokens import SyncToken

T = TypeVar("T")


class Haut:
    """A client of the Haut.AI API.

    One client serves a whole program: it keeps connections and may be used by many threads at once.
    Close it, or use it in `with`.

    Args:
        token: A private or access token, or a callable that returns one.
            A callable is asked at the first call and once more after a 401, however many wait.
        company_id: The company's UUID.
        dataset_id: The dataset for calls that do not name another.
        base_url: The service's origin; plain http is accepted for loopback only.
        timeout: Seconds of patience for each attempt, one number or a `Timeout`.
        deadline: Seconds for a whole API call with its retries; None for no limit.
        transfer_deadline: Seconds for one photo's way to or from the storage; None for no limit.
        max_retries: Further attempts where repeating is safe.
        max_retry_after: Seconds; a longer Retry-After raises instead of being waited for.

    Attributes:
        subjects: The subjects of a dataset.
        images: The photos of subjects.
        datasets: The datasets of the company.
        private_tokens: The private tokens of the user.
        batches: The batches that photos came in.
        api: The generated client on the same wire, for `haut_api`'s own functions: as reliable, and
            it sends the token itself. Do not call its `with_...` methods, which leave the wire.

    Raises:
        ConfigError: If an argument is missing or cannot be right.

    Example:
        with Haut.from_env() as haut:
            subject = haut.subjects.get_or_create("customer-4711")
            batch = haut.upload_and_compute(subject.id, front="front.jpg")
            for image in haut.wait_for_analysis(batch):
                print(image.side, image.quality_score)
    """

    def __init__(
        self,
        *,
        token: SyncToken,
        company_id: str | UUID,
        dataset_id: str | UUID | None = None,
        base_url: str = PRODUCTION,
        timeout: float | Timeout | None = Timeout(),  # noqa: B008 - frozen
        deadline: float | None = 120.0,
        transfer_deadline: float | None = 900.0,
        max_retries: int = 4,
        max_retry_after: float | None = 60.0,
    ) -> None:
        scope = Scope(base_url=base_url, company_id=company_id, dataset_id=dataset_id)
        options = Options(
            timeout=timeout,
            deadline=deadline,
            transfer_deadline=transfer_deadline,
            max_retries=max_retries,
            max_retry_after=max_retry_after,
        )
        self._assemble(scope, options, TokenSource(token), Sockets(), owner=True)

    def _assemble(
        self,
        scope: Scope,
        options: Options,
        tokens: TokenSource,
        sockets: Sockets,
        image_types: dict[UUID, ImageType] | None = None,
        *,
        owner: bool,
        pace: Pace | None = None,
    ) -> None:
        self._owner = owner
        transport = Transport(scope.base_url, tokens, options, sockets, pace)
        # The generated client wants a token of its own; the wire adds the real one, which can change.
        api = AuthenticatedClient(base_url=scope.base_url, token="").set_httpx_client(
            ApiClient(transport, scope.base_url, {"User-Agent": _user_agent()})
        )
        known = {} if image_types is None else image_types
        self._session = Session(scope, api, transport, known)
        self.api = api
        self.subjects = Subjects(self._session)
        self.images = Images(self._session)
        self.datasets = Datasets(self._session)
        self.private_tokens = PrivateTokens(self._session)
        self.batches = Batches(self._session)

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Return a client for what the environment names.

        Args:
            environment: Read instead of the process's own: HAUT_TOKEN, HAUT_COMPANY_ID and, if
                wanted, HAUT_DATASET_ID and HAUT_BASE_URL.

        Raises:
            ConfigError: If a needed variable is missing; says what each is and where it is found.
        """
        return cls(**from_environment(environment))

    @classmethod
    def login(
        cls,
        username: str,
        password: str,
        *,
        company_id: str | UUID | None = None,
        dataset_id: str | UUID | None = None,
        base_url: str = PRODUCTION,
        token_life: float = 3600.0,
        timeout: float | Timeout | None = Timeout(),  # noqa: B008 - frozen
        deadline: float | None = 120.0,
        transfer_deadline: float | None = 900.0,
        max_retries: int = 4,
        max_retry_after: float | None = 60.0,
    ) -> Self:
        """Log in, and return a client whose access token is renewed before it ends.

        It is refreshed in the last quarter of its life, by one caller while the others go on; a
        failure is met by another try a minute later. In the last thirtieth, and after a 401, all
        wait for it, and a failure is theirs. Only when the service refuses to refresh is the
        password sent again, never twice within a minute.

        The service blocks frequent logins (api-facts 1.2): log in once for a whole program. Such a
        client cannot be pickled, since each copy would log in by itself; give other processes a
        private token from `private_tokens.create`.

        Args:
            username: The user's e-mail address.
            password: The user's password; kept in memory for as long as the client is.
            company_id: The company's UUID; the one that the service names for this user unless given.
            dataset_id: As in the constructor; likewise the following, but for `token_life`.
            base_url: As in the constructor.
            token_life: Seconds that an access token lives; an hour, as documented (api-facts 1.2).
            timeout: As in the constructor.
            deadline: As in the constructor.
            transfer_deadline: As in the constructor.
            max_retries: As in the constructor; a login itself is sent once only.
            max_retry_after: As in the constructor.

        Raises:
            ConfigError: If an argument is missing or cannot be right.
            BadRequest: Among others if multi-factor authentication is on for this user: a private
                token from the SaaS portal is the way then.
            Unauthorized: If the service knows no such user and password.
            RateLimited: If the service blocks logins for now.
        """
        if not token_life > 0:
            raise ConfigError("token_life must be a positive number of seconds")
        login = Login(username, password)
        # Until the login names the company, nothing is called that takes one.
        company = UUID(int=0) if company_id is None else company_id
        scope = Scope(base_url=base_url, company_id=company, dataset_id=dataset_id)
        options = Options(
            timeout=timeout,
            deadline=deadline,
            transfer_deadline=transfer_deadline,
            max_retries=max_retries,
            max_retry_after=max_retry_after,
        )
        tokens, sockets = TokenSource(login, life=token_life), Sockets()
        haut = cls.__new__(cls)
        haut._assemble(scope, options, tokens, sockets, owner=True)
        login.session = haut._session
        try:
            tokens.current()
        except BaseException:
            haut.close()
            raise
        if company_id is None:
            scope = evolve(scope, company_id=login.company_id)
            haut._assemble(scope, options, tokens, sockets, owner=True)
        return haut

    def with_options(self, **changes: Any) -> Self:
        """Return a client with other `timeout`, `deadline`, `transfer_deadline`, `max_retries` or
        `max_retry_after`, on the same connections and token.

        Closing the original closes the connections of both; closing the returned one does nothing.

        Raises:
            ConfigError: If an option does not exist or its value cannot be right.
        """
        transport = self._session.transport
        try:
            options = evolve(transport.options, **changes)
        except TypeError:
            raise ConfigError(f"no such option: one of {', '.join(sorted(changes))}") from None
        return self._derived(options, transport.pace)

    def with_pace(self, pace: Pace) -> Self:
        """Return a client on the same connections and token that goes no faster than `pace` lets it.

        Args:
            pace: Has `wait(to_api=)`, which waits before each attempt until it may be made, and
                `slow_down(seconds)`, which is told when one was turned away. A deadline does not
                count the waiting.
        """
        return self._derived(self.options, pace)

    def _derived(self, options: Options, pace: Pace | None) -> Self:
        shared = self._session.transport
        derived = type(self).__new__(type(self))
        derived._assemble(
            self.scope,
            options,
            shared.tokens,
            shared.sockets,
            self._session.image_types,
            owner=False,
            pace=pace,
        )
        return derived

    @property
    def scope(self) -> Scope:
        """Where this client works: origin, company and usual dataset."""
        return self._session.scope

    @property
    def options(self) -> Options:
        """How patient this client is."""
        return self._session.transport.options

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
        api: Api = "v1",
        wait: bool = False,
        timeout: float = 120.0,
        algorithms: Collection[str] = (),
        dataset_id: str | UUID | None = None,
    ) -> UploadedBatch:
        """Upload one to three photos of a subject as one batch, and start the computation.

        All photos are checked before the first request; several are sent side by side. The
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
            api: `v3` for Face Metrics 3.0, which has no lights, and where `name` is the photos' file
                name.
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
        return upload_and_compute(self.images, state, files, attributes, progress, results=results)

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
        compute_again: bool = False,
        wait: bool = False,
        timeout: float = 120.0,
        algorithms: Collection[str] = (),
        dataset_id: str | UUID | None = None,
    ) -> UploadedBatch:
        """Finish an upload that stopped half-way, from the state its error carries.

        Sides already stored are not sent again. A record whose bytes are not known to have arrived is
        deleted and made anew; so is one that a lost answer may have left behind, which is known by
        its side, its missing file and its time. Do not resume while the same side of the same
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
            compute_again: Send the computation once more although it may have been started, and paid
                for, already. Without it, that is looked up in the images, and if they show no result
                yet the upload stays incomplete.
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
            batch: What `upload_and_compute` or `images.upload` returned. Of a batch that was uploaded
                elsewhere, `UploadedBatch(subject_id, batch_id)` is enough; its images are listed.
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
        return tuple([found for found in iterate(self._session, list_image_types)])

    def algorithms(self) -> tuple[Algorithm, ...]:
        """Return the algorithms that the service has."""
        return tuple([found for found in iterate(self._session, list_algorithms)])

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
        return iterate(self._session, operation, **parameters)

    def erase_subject(
        self,
        subject_id: str | UUID,
        *,
        keep_subject: bool = False,
        dataset_id: str | UUID | None = None,
        receipt: ErasureReceipt | None = None,
    ) -> ErasureReceipt:
        """Erase a person's data: files, image records, batches, metadata, the subject; then ask again.

        Whether results and auxiliary images went with their images is asked before the subject goes.

        Args:
            subject_id: Whose data.
            keep_subject: Leave the subject's own record, emptied.
            dataset_id: Another dataset than the client's.
            receipt: The receipt of an `ErasureIncomplete`, to be completed by this call: the new one
                tells of both, and a subject that has gone meanwhile is not `NotFound`.

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
        """Close the connections. A client made by `with_options` leaves them to the original."""
        if self._owner:
            self._session.transport.sockets.close()

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

    def __getstate__(self) -> tuple[Scope, Options, SyncToken]:
        provider = self._session.transport.tokens.provider
        if isinstance(provider, Login):
            raise ConfigError(
                "a client made by login cannot be pickled: each copy would log in by itself, and the "
                "service blocks frequent logins. Give other processes a private token "
                "(haut.private_tokens.create), or a callable as token="
            )
        return self.scope, self.options, provider

    def __setstate__(self, state: tuple[Scope, Options, SyncToken]) -> None:
        scope, options, provider = state
        self._assemble(scope, options, TokenSource(provider), Sockets(), owner=True)


def _given(
    front: PhotoFile | None, right: PhotoFile | None, left: PhotoFile | None
) -> dict[Side, PhotoFile]:
    files: dict[Side, PhotoFile | None] = {"front": front, "right": right, "left": left}
    return {side: file for side, file in files.items() if file is not None}


def _user_agent() -> str:
    from importlib.metadata import version  # not needed to import a face, and slow to import

    return f"haut-ext/{version('haut-ext')} python/{platform.python_version()}"
