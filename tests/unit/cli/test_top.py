"""`cjo-stream top`: one screen of an installation, printed once or drawn again and again."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cjo_stream.telemetry import Health, Metrics, serve
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

KEY = {
    "CJO_TENANT_KEY": "a key for tests of this page",
    "CJO_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9",
}


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Yield where a worker shows what it does: it leads three partitions, and is not ready."""
    metrics = Metrics()
    metrics.set("cjo_stage_info", ("task",), 1)
    for partition, lag in ((0, 3), (1, 44), (5, 0)):
        metrics.set("cjo_lag_records", ("task", str(partition)), lag)
    metrics.set("cjo_held_commands", ("email",), 12)
    endpoint = serve(
        metrics, Health(ready=lambda: "waits for the broker"), "127.0.0.1", 0, tmp_path
    )
    yield endpoint.port
    endpoint.close()


@pytest.mark.slow  # a broker that is away is waited for
def test_it_prints_one_look_where_no_terminal_is(
    cli: Cli, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEY.items():
        monkeypatch.setenv(name, value)
    done = cli("top", "--at", f"127.0.0.1:{port}", "--at", "127.0.0.1:9", "--every", "0.5")
    assert done.code == 0
    assert "processes 1, not ready 1, silent 1" in done.out
    assert re.search(rf"127.0.0.1:{port} +worker +47 .* waits for the broker", done.out)
    assert re.search(r"127.0.0.1:9 +no answer", done.out)
    assert re.search(rf"127.0.0.1:{port} +0-1, 5 +44 +1 *\n", done.out)
    assert re.search(r"email +0\.0 +12 ", done.out)
    assert "dead letters are not known: the broker does not answer" in done.out


def test_it_says_what_to_do_where_no_process_is_known_or_answers(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Set CJO_METRICS_PORT as they have it, or name each by --at" in cli("top").err
    assert "no process answers at 127.0.0.1:9: " in cli("top", "--at", "127.0.0.1:9").err
    assert "give HOST:PORT" in cli("top", "--at", "here").err
    monkeypatch.setenv("CJO_METRICS_TLS_CERT", "gone.pem")
    monkeypatch.setenv("CJO_METRICS_TLS_KEY", "gone.key")
    assert "name the certificate that the processes have" in cli("top", "--at", "127.0.0.1:9").err
    monkeypatch.delenv("CJO_METRICS_TLS_CERT")
    monkeypatch.delenv("CJO_METRICS_TLS_KEY")
    monkeypatch.setenv("CJO_METRICS_PORT", "9")
    done = cli("top")
    assert done.code == 2
    assert "no process answers at 127.0.0.1, ports 9 to 40: " in done.err


def test_on_a_terminal_it_is_drawn_again_until_ctrl_c(port: int) -> None:
    main, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "cjo_stream", "top", "--at", f"127.0.0.1:{port}", "--every", "0.5"],
        env={**os.environ, **KEY, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"},
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
        preexec_fn=_hears_ctrl_c,
    )
    os.close(side)
    try:
        seen = _read(main, "processes 1, not ready 1", times=3)
        assert "the broker is asked" in seen
        process.send_signal(2)
        asked_s = time.monotonic()
        _read(main, "\x1b[?1049l", times=1)  # back to what the terminal showed before
        assert process.wait(60) == 130
        assert time.monotonic() - asked_s < 8, "the end waits for a broker that is away"
    finally:
        process.kill()
        process.wait()
        os.close(main)


def _hears_ctrl_c() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.default_int_handler)


def _read(main: int, text: str, times: int) -> str:
    """Read until `text` was drawn so often."""
    seen = ""
    until_s = time.monotonic() + 60
    while seen.count(text) < times and time.monotonic() < until_s:
        if select.select([main], [], [], 1)[0]:
            seen += os.read(main, 65_536).decode(errors="replace")
    assert seen.count(text) >= times, seen
    return seen
