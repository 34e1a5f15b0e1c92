"""The other place that a command can read, for errors of a broker that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cjo_stream.errors import RetryError, UsageError


@contextmanager
def alternative(instead: str) -> Iterator[None]:
    """Add `instead` to the errors of a broker that does not answer and of a missing tenant key."""
    try:
        yield
    except (RetryError, UsageError) as error:
        if type(error) not in (RetryError, UsageError):
            raise
        joint = " Or " if str(error).endswith("?") else "; or "
        raise type(error)(f"{error}{joint}{instead}") from error
