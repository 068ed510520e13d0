"""Where the rows of a source are: files of the project, objects of a store, a table of another database."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field

from mlspec.base.diag import Diagnostic
from mlspec.ir.outside import Database, ObjectStore
from mlspec.language.scope import Scope
from mlspec.language.secret import SecretRef, SecretSpec
from mlspec.language.spec import Part
from mlspec.language.words import Bool, Bounded, ColumnName, Shaped

_FORMATS = {".parquet": "parquet", ".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json"}
_PACKED = (".gz", ".zst")
S3 = "s3://"

_ENDPOINT = Shaped(
    r"^https?://", "`{text}` is not an endpoint; write where it answers, as in `https://storage.example.com`"
)


class StoreSpec(Part):
    """How an object store is reached, where the environment variables of AWS do not say it; keys are references."""

    endpoint: Annotated[str, _ENDPOINT] | None = None
    region: str = ""
    anonymous: Bool = False
    access_key: SecretRef | None = None
    secret_key: SecretRef | None = None
    session_token: SecretRef | None = None

    def secrets(self) -> Iterator[tuple[str, str, SecretSpec]]:
        """The fields that are set, with the store's own names for them."""
        names = {"access_key": "access_key_id", "secret_key": "secret_access_key", "session_token": "session_token"}
        for field, name in names.items():
            if (secret := getattr(self, field)) is not None:
                yield field, name, secret

    def lower(self) -> ObjectStore:
        """As backends see it."""
        secrets = tuple((name, s.lower()) for _, name, s in self.secrets())
        return ObjectStore(self.endpoint or "", self.region, self.anonymous, secrets)


class SourceFiles(Part):
    """Files of the project, or objects of a store, by a path or a pattern; what is usual for CSV need not be said.

    `hive_partitions` are the columns whose values stand in the path: `data/day=2024-01-01/part.parquet`.
    """

    path: str
    format: Literal["parquet", "csv", "json"] | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    header: Bool = True
    null_values: tuple[str, ...] = ("",)
    hive_partitions: tuple[ColumnName, ...] = ()
    store: StoreSpec | None = None

    @property
    def remote(self) -> bool:
        """Whether the path is an address of another machine."""
        return "://" in self.path

    def said(self, name: str) -> tuple[str, str]:
        """The format and the delimiter of a file of this name; no format where the name says none."""
        path = PurePosixPath(name.lower())
        suffix = PurePosixPath(path.stem).suffix if path.suffix in _PACKED else path.suffix
        tabs = suffix == ".tsv" and "delimiter" not in self.model_fields_set
        return self.format or _FORMATS.get(suffix, ""), "\t" if tabs else self.delimiter

    def check(self, scope: Scope, kind: str) -> Iterator[Diagnostic]:
        """Options that mean nothing for the format, or for the place."""
        for name in ("delimiter", "header", "null_values"):
            if kind != "csv" and name in self.model_fields_set:
                message = f"`{name}` means nothing for {'Parquet' if kind == 'parquet' else 'JSON'}"
                yield scope.error("meaningless-field", message, "files", name, key=True, help="remove it")
        if self.store is not None and not self.remote:
            yield scope.error("meaningless-field", "`store` means nothing for files of the project", "files", "store",
                              key=True, help=f"write the path as `{S3}bucket/key`")  # fmt: skip
        if self.remote and not self.path.startswith(S3):
            yield scope.error("unsupported-by-backend", f"`{self.path}`: of object stores only `{S3}` is read", "files",
                              help="most stores speak the language of S3: give its `store: {endpoint: …}`")  # fmt: skip
        for field, _, secret in self.store.secrets() if self.store else ():
            yield from _only_here(scope, secret, "files", "store", field)


class DatabaseSpec(Part):
    """Another database: a file of the project (`sqlite`, `duckdb`), or a PostgreSQL server."""

    type: Literal["postgres", "sqlite", "duckdb"]
    path: str = ""
    host: str = ""
    port: Annotated[Bounded, Field(ge=1, le=65535)] | None = None
    name: str = ""
    user: str = ""
    password: SecretRef | None = None

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        """Fields that are missing, and those that mean nothing."""
        server = self.type == "postgres"
        needed = "name" if server else "path"
        if not getattr(self, needed):
            yield scope.error(
                "missing-field",
                f"a database of `{self.type}` needs its `{needed}`",
                "database",
                help=f"add `{needed}:`",
            )
        for field in ("path",) if server else ("host", "port", "name", "user", "password"):
            if field in self.model_fields_set:
                message = f"`{field}` means nothing for `{self.type}`"
                yield scope.error("meaningless-field", message, "database", field, key=True, help="remove it")
        if self.password is not None:
            yield from _only_here(scope, self.password, "database", "password")

    def lower(self) -> Database:
        """As backends see it."""
        password = self.password.lower() if self.password else None
        return Database(self.type, self.path, self.host, self.port or 0, self.name, self.user, password)


def _only_here(scope: Scope, secret: SecretSpec, *path: Any) -> Iterator[Diagnostic]:
    if secret.kubernetes:
        yield scope.error("unsupported-by-backend", "sources are read from here, not in a cluster", *path,
                          help="`{env: NAME}` names an environment variable")  # fmt: skip
