"""Files at URLs: whatever fsspec opens, such as s3://bucket/path."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import IO, Any, Final

from cjo_stream.core.likeness import nearest
from cjo_stream.errors import CjoError, RetryError, UsageError

_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://")


def is_url(path: str) -> bool:
    """Return whether a path is a URL."""
    return _URL.match(path) is not None


def file_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL or path, and the path in it; raises UsageError."""
    import fsspec  # a command that reads local files does not pay for it

    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]  # fsspec has no types
    except ImportError as error:
        raise UsageError(
            f"{url}: {error}. For s3:// that is `pip install 'cjo-stream[s3]'`"
        ) from None
    except ValueError:
        kind = url.partition("://")[0]
        near = nearest(kind, fsspec.available_protocols())
        meant = f"did you mean {near}://?" if near else "write a folder, or s3://bucket/path"
        raise UsageError(f"{url}: there is no kind of place `{kind}://`; {meant}") from None


def matching(url: str) -> list[str]:
    """Return the URLs of the files at a URL: a file, all below a folder, or all that fit a `*`.

    They are ordered by path; hidden ones are left out.
    """
    fs, path = file_system(url)
    scheme = url.partition("://")[0]
    with away(url):
        fs.invalidate_cache()
        starts = sorted(fs.glob(path)) if "*" in path else [path]
        found = {one for start in starts for one in fs.find(start)}
    shown = (one for one in sorted(found) if "/." not in one)
    return [f"{scheme}://{one}" for one in shown]


@contextlib.contextmanager
def opened(url: str) -> Iterator[IO[bytes]]:
    """Open the file at a URL for reading."""
    fs, path = file_system(url)
    with away(url), fs.open(path, "rb") as stream:
        yield stream


@contextlib.contextmanager
def away(url: str) -> Iterator[None]:
    """Turn any error of the file system into RetryError."""
    try:
        yield
    except CjoError:
        raise
    except Exception as error:
        raise RetryError(
            f"the files at {_without_credentials(url)} failed ({type(error).__name__}: {error}): "
            "bring that place back, let this process use it, or make room there; then try again"
        ) from error


def _without_credentials(url: str) -> str:
    return re.sub(r"(?<=://)[^/@]+(?=@)", "********", url)
