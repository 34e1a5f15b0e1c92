"""Requests to an endpoint that never answers, and that are broken off."""

import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cjo_stream.webhook.answer import Answer
from cjo_stream.webhook.backlog import Command
from cjo_stream.webhook.endpoint import Endpoint, read_endpoints
from cjo_stream.webhook.post import Poster
from tests.world.receiver import SECRET

WITHIN_S = 10.0


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Return an endpoint that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WITHIN_S)
        yield server


@pytest.fixture
def poster(silent: socket.socket, tmp_path: Path) -> Iterator[Poster]:
    one = Poster([endpoint(silent, tmp_path)])
    yield one
    one.close()


def endpoint(silent: socket.socket, folder: Path) -> Endpoint:
    (folder / "mail.secrets").write_text(f"{SECRET}\n")
    (folder / "webhooks.yaml").write_text(
        f"webhook: mail\nurl: http://127.0.0.1:{silent.getsockname()[1]}/hooks\n"
        f"secrets: mail.secrets\naddresses: any\ntimeout: 60s\n"
    )
    return read_endpoints(folder / "webhooks.yaml")[0]


def command(number: int = 0) -> Command:
    return Command(("t", 0), number, f"a{number}", "c", 10**12, b"{}", "mail", "hello")


def answer(poster: Poster, to: Command) -> Answer:
    ((channel, answered, found),) = poster.take(WITHIN_S)
    assert (channel, answered) == ("mail", to)
    return found


def test_a_request_on_its_way_is_broken_off(poster: Poster, silent: socket.socket) -> None:
    one = command()
    poster.post("mail", one)
    connection, _ = silent.accept()
    with connection:
        connection.settimeout(WITHIN_S)
        assert connection.recv(4)
        assert poster.take() == []
        poster.break_off(one)
        assert answer(poster, one).is_broken_off
        while connection.recv(65_536):
            """Until its end: the connection is closed."""


def test_a_request_is_broken_off_before_it_has_begun(poster: Poster) -> None:
    one = command()

    def at_once() -> None:
        """Both in one iteration of the loop, so that the task has not begun."""
        poster.post("mail", one)
        poster.break_off(one)

    poster._loop.call_soon_threadsafe(at_once)
    assert answer(poster, one).is_broken_off
    assert poster._tasks == {}


def test_only_what_is_on_its_way_is_broken_off(poster: Poster, silent: socket.socket) -> None:
    first, second = command(1), command(2)
    for one in (first, second):
        poster.post("mail", one)
    poster.break_off(command(3))
    poster.break_off(second)
    assert answer(poster, second).is_broken_off
    assert list(poster._tasks.values()) == [first]
    poster.break_off(first)
    assert answer(poster, first).is_broken_off


def test_the_end_breaks_off_what_is_on_its_way(silent: socket.socket, tmp_path: Path) -> None:
    poster, one = Poster([endpoint(silent, tmp_path)]), command()
    poster.post("mail", one)
    poster.close()
    assert answer(poster, one).is_broken_off


def test_what_nobody_has_broken_off_is_a_failure(silent: socket.socket, tmp_path: Path) -> None:
    hasty = msgspec.structs.replace(endpoint(silent, tmp_path), timeout_s=0.2)
    poster, one = Poster([hasty]), command()
    try:
        poster.post("mail", one)
        found = answer(poster, one)
        assert (found.is_broken_off, found.why) == (False, "no answer within 0.2 s")
        assert found.seconds >= 0.2
        poster.post("mail", one)
        poster._loop.call_soon_threadsafe(lambda: next(iter(poster._tasks)).cancel())
        found = answer(poster, one)
        assert (found.is_broken_off, found.why) == (False, "no answer: its request was cancelled")
    finally:
        poster.close()
