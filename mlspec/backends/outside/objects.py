"""Objects of a store: which there are, by pattern, and a copy of each version on this machine, fetched once."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlspec.backends.outside.heads import LocalFile
from mlspec.backends.outside.secrets import secret_value
from mlspec.backends.port import BackendError, Place
from mlspec.base.digest import digest
from mlspec.ir.outside import ObjectStore, Scan, Seen

_AT_ONCE = 8
_WILD = re.compile(r"[*?\[]")


def listed_objects(scan: Scan) -> Seen:
    """The objects that the pattern of a scan means, and what tells their versions apart. Raises BackendError."""
    pattern = scan.files[0]
    bucket, key = _parts(pattern)
    wild = _WILD.search(key)
    fixed = key[: wild.start()] if wild else key
    prefix = fixed.rpartition("/")[0]
    wanted = re.compile(_as_regex(key))
    found = []
    with _spoken(pattern) as library:
        for page in library.list(_store(scan, bucket), prefix=prefix or None):
            found += [(o["path"], str(o["e_tag"] or ""), int(o["size"])) for o in page if wanted.fullmatch(o["path"])]
    if not found:
        raise BackendError(
            f"no object matches `{pattern}`", "look at the bucket, the key and the endpoint", "missing-file"
        )
    found.sort()
    urls = tuple(f"s3://{bucket}/{path}" for path, _, _ in found)
    return Seen(urls, tuple(tag for _, tag, _ in found), digest(found))


def fetched(scan: Scan, place: Place) -> list[LocalFile]:
    """The objects as files, each version fetched once; one that is not the version of the plan is refused."""
    todo = list(zip(scan.files, scan.tags, strict=True))
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - start-up time: it brings the logging of Python

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda one: _fetched(scan, place, *one), todo))


def kept(scan: Scan, place: Place) -> list[LocalFile] | None:
    """The objects as files, if all of them have been fetched already."""
    files = [LocalFile(_path(scan, place, url, tag), url) for url, tag in zip(scan.files, scan.tags, strict=True)]
    return files if all(f.path.is_file() for f in files) else None


def _fetched(scan: Scan, place: Place, url: str, tag: str) -> LocalFile:
    path = _path(scan, place, url, tag)
    if path.is_file():
        return LocalFile(path, url)
    bucket, key = _parts(url)
    version = place.private / "objects" / path.relative_to(place.private / "objects").parts[0]
    shutil.rmtree(version, ignore_errors=True)  # versions that nobody will ask for again
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with _spoken(url) as library, part.open("wb") as file:
        options = {"if_match": tag} if tag else {}
        for chunk in library.get(_store(scan, bucket), key, options=options).stream():
            file.write(chunk)
    part.replace(path)
    return LocalFile(path, url)


def _path(scan: Scan, place: Place, url: str, tag: str) -> Path:
    endpoint = scan.store.endpoint if scan.store else ""
    return place.private / "objects" / digest(endpoint, url)[:16] / digest(tag)[:16] / _parts(url)[1]


def _parts(url: str) -> tuple[str, str]:
    bucket, _, key = url.partition("://")[2].partition("/")
    return bucket, key


def _as_regex(pattern: str) -> str:
    """A pattern as files know it: `*` within a folder, `**/` across folders."""
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|.", pattern, re.DOTALL)
    return "".join(words.get(p) or (p if p.startswith("[") and len(p) > 1 else re.escape(p)) for p in pieces)


def _store(scan: Scan, bucket: str) -> Any:
    from obstore.store import S3Store  # noqa: PLC0415 - of the extra `s3`

    known = scan.store or ObjectStore()
    options: dict[str, Any] = {name: secret_value(secret) for name, secret in known.secrets}
    if known.endpoint or os.environ.get("AWS_ENDPOINT_URL"):
        options["endpoint"] = known.endpoint or os.environ["AWS_ENDPOINT_URL"]
    if known.region:
        options["region"] = known.region
    elif not {"AWS_REGION", "AWS_DEFAULT_REGION"} & os.environ.keys():
        options["region"] = "us-east-1"
    if known.anonymous:
        options["skip_signature"] = True
    client: Any = {"allow_http": True, "connect_timeout": "10s", "timeout": "300s"}
    return S3Store(bucket, client_options=client, retry_config={"max_retries": 3}, **options)


@contextmanager
def _spoken(url: str) -> Iterator[Any]:
    """The library of object stores; what it says becomes ours. Raises BackendError."""
    try:
        import obstore  # noqa: PLC0415 - of the extra `s3`
        from obstore import exceptions  # noqa: PLC0415 - as above
    except ImportError:
        raise BackendError(
            f"`{url}` needs a library that is not installed", "pip install 'mlspec[s3]'", "source-unreadable"
        ) from None
    try:
        yield obstore
    except exceptions.PreconditionError:
        raise BackendError(f"`{url}` has changed since the plan was made", "plan again", "files-changed") from None
    except exceptions.BaseError as error:
        why = _why(str(error))
        raise BackendError(
            f"`{url}` cannot be read: {why}", "look at bucket, endpoint, region and keys", "source-unreadable"
        ) from None


def _why(said: str) -> str:
    """What a store answered, in short: its code, else the last thing that is said of the connection."""
    if code := re.search(r"<Code>(\w+)</Code>", said):
        return code[1]
    if status := re.search(r"status code: (\d+ [\w ]+)", said):
        return status[1].strip()
    return (
        "the endpoint does not answer" if "error sending request" in said else said.splitlines()[0].rpartition(": ")[2]
    )
