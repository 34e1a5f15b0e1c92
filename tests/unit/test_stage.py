import pytest

from cjo_stream.errors import CjoError, HoleError, RefusalError, RetryError, StopError, UsageError
from cjo_stream.kafka.stage import STEADY_S, begins_anew


def test_an_outage_is_waited_for_within_the_process_however_often_it_comes() -> None:
    assert begins_anew(RetryError("away"), ran_s=0.0)
    assert begins_anew(RetryError("away"), ran_s=STEADY_S)


@pytest.mark.parametrize("error", [StopError("fenced"), HoleError("a hole")])
def test_what_may_come_of_an_outage_begins_anew_once_and_then_ends_the_process(
    error: CjoError,
) -> None:
    assert begins_anew(error, ran_s=STEADY_S)
    assert not begins_anew(error, ran_s=STEADY_S - 1)


@pytest.mark.parametrize("error", [RefusalError("missing"), UsageError("wrong")])
def test_what_somebody_has_to_mend_ends_the_process(error: CjoError) -> None:
    assert not begins_anew(error, ran_s=10 * STEADY_S)
