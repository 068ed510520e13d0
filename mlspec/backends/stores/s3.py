"""Keeps the state as objects of S3, or of a store that speaks its language and knows conditional writes."""

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from mlspec.backends.port import BackendError, Place
from mlspec.backends.state_store import Kept, StateStore, Taken, Unreachable
from mlspec.base.value import dataclass

_AT_ONCE = 16
_DIGITS = 12
_PERMANENT = {
    "NoSuchBucket",
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidBucketName",
    "PermanentRedirect",
}


@dataclass(frozen=True)
class _Settings:
    """`bucket`, and `prefix` before all keys; `endpoint` and `region` where they are not those of the environment.

    `timeout` is for how many seconds an answer is waited for, `patience` for how many a store that does not answer is asked
    again.
    """

    bucket: str = ""
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    timeout: float = 30.0
    patience: float = 60.0


class S3(StateStore):
    """Keys are `<prefix>/<project>/<environment>/…`; credentials are those of the environment, as every tool reads them."""

    Settings = _Settings

    def __init__(self, settings: _Settings, place: Place) -> None:
        super().__init__(settings, place)
        if not settings.bucket:
            raise BackendError("the state store `s3` needs a `bucket`", "name it in `mlspec.yaml`", "state-store")
        self._root = "/".join(p for p in (settings.prefix.strip("/"), place.project, place.environment) if p)

    @property
    def patience(self) -> float:
        return float(self.settings.patience)

    @property
    def rescue(self) -> str:
        """A command that puts the state before the last in its place."""
        keys = (f"s3://{self.settings.bucket}/{self._key(name)}" for name in ("previous", "state"))
        return f"put back the one before the last change: `aws s3 cp {' '.join(keys)}`"

    def read(self, name: str) -> Kept | None:
        with self._spoken() as library:
            try:
                found = library.get(self._store, self._key(name))
                return Kept(bytes(found.bytes()).decode(), str(found.meta["e_tag"]))
            except FileNotFoundError:
                return None

    def write(self, name: str, text: str, tag: str | None) -> str:
        mode = {"e_tag": tag} if tag else "create"
        return self._put(self._key(name), text, mode)

    def names(self, folder: str) -> tuple[str, ...]:
        return tuple(f"{folder}/{key.rpartition('/')[2].removesuffix('.json')}" for key in self._keys(folder))

    def append(self, number: int, line: str) -> None:
        self._put(self._line(number), line, "create")

    def lines(self, after: int) -> tuple[tuple[int, str], ...]:
        keys = self._keys("journal", self._line(after))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            texts = list(pool.map(self._text, keys))
        return tuple((_number(key), text) for key, text in zip(keys, texts, strict=True) if text is not None)

    def trim(self, upto: int) -> None:
        gone = [key for key in self._keys("journal") if _number(key) <= upto]
        with self._spoken() as library:
            if gone:
                library.delete(self._store, gone)

    # -- pieces --------------------------------------------------------------------------------------------------------

    def _key(self, name: str) -> str:
        return f"{self._root}/{name}.json"

    def _line(self, number: int) -> str:
        return self._key(f"journal/{number:0{_DIGITS}}")

    def _keys(self, folder: str, after: str = "") -> list[str]:
        with self._spoken() as library:
            pages = library.list(self._store, prefix=f"{self._root}/{folder}", offset=after or None)
            return sorted(o["path"] for page in pages for o in page if o["path"].startswith(f"{self._root}/{folder}/"))

    def _text(self, key: str) -> str | None:
        """The text of an object; None when somebody has cleared it away since it was listed."""
        with self._spoken() as library:
            try:
                return bytes(library.get(self._store, key).bytes()).decode()
            except FileNotFoundError:
                return None

    def _put(self, key: str, text: str, mode: Any) -> str:
        with self._spoken() as library:
            from obstore import exceptions  # noqa: PLC0415 - of the extra `s3`

            try:
                return str(library.put(self._store, key, text.encode(), mode=mode, use_multipart=False)["e_tag"])
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
                raise Taken(f"`s3://{self.settings.bucket}/{key}`") from None
            except FileNotFoundError:
                if mode == "create":
                    raise self._refused("NoSuchBucket") from None
                raise Taken(f"`s3://{self.settings.bucket}/{key}`") from None

    @cached_property
    def _store(self) -> Any:
        from obstore.store import S3Store  # noqa: PLC0415 - of the extra `s3`

        options: dict[str, Any] = {}
        if endpoint := self.settings.endpoint or os.environ.get("AWS_ENDPOINT_URL"):
            options["endpoint"] = endpoint
        if self.settings.region or not {"AWS_REGION", "AWS_DEFAULT_REGION"} & os.environ.keys():
            options["region"] = self.settings.region or "us-east-1"
        seconds = f"{max(round(self.settings.timeout), 1)}s"
        client: Any = {"allow_http": True, "connect_timeout": seconds, "timeout": seconds}
        return S3Store(self.settings.bucket, client_options=client, retry_config={"max_retries": 0}, **options)

    @contextmanager
    def _spoken(self) -> Iterator[Any]:
        """The library of object stores; what it says becomes ours. Raises Unreachable, BackendError."""
        try:
            import obstore  # noqa: PLC0415 - of the extra `s3`
            from obstore import exceptions  # noqa: PLC0415 - as above
        except ImportError:
            raise BackendError(
                "the state store `s3` needs a library that is not installed",
                "pip install 'mlspec[s3]'",
                "missing-package",
            ) from None
        try:
            yield obstore
        except exceptions.BaseError as error:
            said = str(error)
            code = re.search(r"<Code>(\w+)</Code>", said)
            denied = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, exceptions.NotSupportedError)
            if isinstance(error, denied) or (code and code[1] in _PERMANENT):
                raise self._refused(code[1] if code else said.splitlines()[0]) from None
            why = code[1] if code else "it does not answer" if "error sending request" in said else said.splitlines()[0]
            raise Unreachable(
                f"the state in `s3://{self.settings.bucket}/{self._root}` cannot be reached: {why}"
            ) from None

    def _refused(self, why: str) -> BackendError:
        return BackendError(
            f"the state in `s3://{self.settings.bucket}/{self._root}` cannot be used: {why}",
            "look at `bucket`, `endpoint` and `region`, and at the credentials of the environment",
            "state-store",
        )


def _number(key: str) -> int:
    return int(key.rpartition("/")[2].removesuffix(".json"))
