"""A broker that does not answer is not the only place to look."""

from __future__ import annotations

import pytest

from cjo_stream.errors import LockedError, RetryError
from cjo_stream.kafka.operator.alternative import alternative


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("is it up?", "is it up? Or name a folder"),
        ("try again", "try again; or name a folder"),
    ],
)
def test_an_error_of_the_broker_names_the_other_place(said: str, shown: str) -> None:
    with pytest.raises(RetryError) as error, alternative("name a folder"):
        raise RetryError(said)
    assert str(error.value) == shown


def test_other_errors_stay_as_they_are() -> None:
    with pytest.raises(LockedError, match=r"^held$"), alternative("name a folder"):
        raise LockedError("held")
