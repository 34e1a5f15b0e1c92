import logging

from cjo_stream.kafka.client.noise import Seldom


def record(text: str, at_s: float, *args: object) -> logging.LogRecord:
    made = logging.LogRecord("aiokafka", logging.ERROR, "", 0, text, args, None)
    made.created = at_s
    return made


def test_a_kind_of_record_passes_once_and_then_seldom() -> None:
    seldom = Seldom(quiet_s=30)
    assert seldom.filter(record("no node %s", 0, 1))
    assert not any(seldom.filter(record("no node %s", second, 1)) for second in range(1, 30))
    assert seldom.filter(record("something else at 100%", 5))
    later = record("no node %s", 31, 1)
    assert seldom.filter(later)
    assert later.getMessage() == "no node 1 (and 29 like it)"


def test_records_that_differ_in_their_first_word_are_of_two_kinds() -> None:
    seldom = Seldom(quiet_s=30)
    assert seldom.filter(record("%s [%s]", 0, "FAIL", "producer-1"))
    assert seldom.filter(record("%s [%s]", 0, "GETPID", "producer-1"))
    assert not seldom.filter(record("%s [%s]", 1, "FAIL", "producer-1"))
