import ast
import io
import json
import logging
import re
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.errors import RefusalError
from cjo_stream.telemetry import METRICS, PROCESS_METRICS, Health, Metrics, log, serve
from tests.docs.word import REASONS

ROOT = Path(__file__).parents[3]
PROMISED = {
    "cjo_events_total": ("channel", "result"),
    "cjo_event_to_action_seconds": (),
    "cjo_stage_seconds": ("stage",),
    "cjo_lag_records": ("stage", "partition"),
    "cjo_commit_seconds": ("stage",),
    "cjo_items_total": ("stage", "result"),
    "cjo_timer_delay_seconds": (),
    "cjo_journey_entries_total": ("journey", "version"),
    "cjo_journey_ends_total": ("journey", "outcome"),
    "cjo_journey_instances": ("journey", "state"),
    "cjo_actions_total": ("channel", "action"),
    "cjo_suppressed_total": ("gate",),
    "cjo_identity_changes_total": ("kind",),
    "cjo_dead_letters_total": ("reason",),
    "cjo_expression_errors_total": ("definition",),
    "cjo_state_bytes": ("stage",),
    "cjo_checkpoint_age_seconds": (),
    "cjo_restore_seconds": (),
    "cjo_build_info": ("version", "python", "engine"),
}
"""Metrics that dashboards and alerts count on, with their labels."""
READ_METRICS = ("bound.py", "metric.py", "overview.py", "scrape.py")
"""Modules that name metrics without counting."""


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_counts_are_shown_by_name_and_labels() -> None:
    metrics = Metrics()
    metrics.add(
        {("cjo_events_total", "web", "applied"): 3, ("cjo_consent_ignored_total", "unusable"): 1}
    )
    metrics.add({("cjo_events_total", "web", "applied"): 2})
    metrics.observe("cjo_stage_seconds", ("process",), 0.003)
    metrics.set("cjo_lag_records", ("task", "0"), 7)
    shown = metrics.render().decode()
    assert 'cjo_events_total{channel="web",result="applied"} 5.0' in shown
    assert 'cjo_consent_ignored_total{reason="unusable"} 1.0' in shown
    assert 'cjo_stage_seconds_bucket{le="0.005",stage="process"} 1.0' in shown
    assert 'cjo_lag_records{partition="0",stage="task"} 7.0' in shown
    assert 'cjo_build_info{engine="python",python="' in shown
    assert "_created" not in shown


def test_what_is_gone_is_shown_no_more() -> None:
    metrics = Metrics()
    for partition in "01":
        metrics.set("cjo_lag_records", ("task", partition), 7)
    metrics.forget("cjo_lag_records", ("task", "0"))
    assert 'partition="0"' not in metrics.render().decode()
    metrics.forget("cjo_lag_records")
    assert "cjo_lag_records{" not in metrics.render().decode()
    assert "cjo_checkpoint_age_seconds NaN" in metrics.render().decode()
    metrics.set("cjo_checkpoint_age_seconds", (), 5)
    assert "cjo_checkpoint_age_seconds 5.0" in metrics.render().decode()
    metrics.forget("cjo_checkpoint_age_seconds")
    assert "cjo_checkpoint_age_seconds NaN" in metrics.render().decode()


def test_a_count_nobody_declared_stops_nothing_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.add({("cjo_none_total",): 1, ("cjo_actions_total", "mail", "welcome"): 1})
    assert 'cjo_actions_total{action="welcome",channel="mail"} 2.0' in metrics.render().decode()
    assert [r.getMessage() for r in caplog.records] == [
        "the count cjo_none_total with 0 labels: it is not declared"
    ]


def test_every_count_of_the_product_is_declared_with_as_many_labels() -> None:
    declared = {metric.name: len(metric.labels) for metric in METRICS}
    counted = [
        (name, labels, f"{path.name}:{line}")
        for path in sorted((ROOT / "cjo_stream").rglob("*.py"))
        if path.name not in READ_METRICS and "monitoring" not in path.parts
        for name, labels, line in _counted(ast.parse(path.read_text()))
    ]
    assert [one for one in counted if declared.get(one[0]) != one[1]] == []
    assert {metric.name for metric in METRICS} == {one[0] for one in counted}


def _counted(tree: ast.Module) -> Iterator[tuple[str, int, int]]:
    """Yield name, number of labels and line of everything that is counted, observed or set."""
    for node in ast.walk(tree):
        for name, labels, line in given(node):
            yield name, len(labels), line


def given(node: ast.AST) -> Iterator[tuple[str, list[ast.expr], int]]:
    """Yield name, labels and line, if a node counts, observes or sets something."""
    if isinstance(node, ast.Tuple):
        given: list[ast.expr] = node.elts
    elif isinstance(node, ast.Call):
        given = node.args
        if ast.unparse(node.func).endswith(".forget") and len(given) == 1:
            return  # a metric, whatever its labels
    else:
        return
    if not given or not isinstance(first := given[0], ast.Constant):
        return
    if not isinstance(first.value, str) or not first.value.startswith("cjo_"):
        return
    if first.value.startswith("cjo_stream"):
        return  # a module
    labels = given[1:]
    if isinstance(node, ast.Call) and labels and isinstance(labels[0], ast.Tuple):
        labels = labels[0].elts  # observe and set take the labels as one
    yield first.value, labels, node.lineno


def test_every_promised_metric_is_there_with_its_labels() -> None:
    declared = {metric.name: metric.labels for metric in METRICS}
    assert {name: declared.get(name) for name in PROMISED} == PROMISED


def test_the_endpoint_answers_for_metrics_life_and_readiness(tmp_path: Path) -> None:
    metrics, problems = Metrics(), ["2 partitions are being restored"]
    health = Health(ready=lambda: problems[0] if problems else None)
    endpoint = serve(metrics, health, "127.0.0.1", 0, tmp_path)
    try:
        metrics.add({("cjo_dead_letters_total", "malformed"): 1})
        status, body = get(endpoint.port, "/metrics")
        assert status == 200
        assert 'cjo_dead_letters_total{reason="malformed"} 1.0' in body
        assert "cjo_ready 0.0" in body
        assert get(endpoint.port, "/healthz") == (200, "ok\n")
        assert get(endpoint.port, "/readyz") == (503, "2 partitions are being restored\n")
        problems.clear()
        assert get(endpoint.port, "/readyz") == (200, "ok\n")
        assert "cjo_ready 1.0" in get(endpoint.port, "/metrics")[1]
        assert get(endpoint.port, "/else")[0] == 404
    finally:
        endpoint.close()


def test_each_answer_has_the_disk_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    endpoint = serve(Metrics(), Health(), "127.0.0.1", 0, folder)
    try:
        disk = shutil.disk_usage(folder)
        _, body = get(endpoint.port, "/metrics")
        found = dict(re.findall(r"^(cjo_disk_\w+) (\S+)$", body, re.M))
        assert float(found["cjo_disk_bytes"]) == disk.total
        assert abs(float(found["cjo_disk_free_bytes"]) - disk.free) < 1 << 30
        folder.rmdir()
        assert "cjo_disk_free_bytes NaN" in get(endpoint.port, "/metrics")[1]
    finally:
        endpoint.close()


def test_who_hangs_up_before_the_answer_leaves_no_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = serve(Metrics(), Health(), "127.0.0.1", 0, tmp_path)
    caplog.set_level(logging.INFO)
    try:
        for error in (BrokenPipeError(), ConnectionResetError(), TimeoutError(), KeyError("ours")):
            try:
                raise error
            except (OSError, KeyError):
                endpoint._server.handle_error(None, ("127.0.0.1", 1))
    finally:
        endpoint.close()
    (told,) = caplog.records
    assert told.exc_info is not None
    assert isinstance(told.exc_info[1], KeyError)
    assert capsys.readouterr().err == ""


def test_what_a_rare_count_begins_with_is_shown_from_the_start() -> None:
    shown = Metrics().render().decode()
    assert 'cjo_suppressed_total{gate="expired"} 0.0' in shown
    begun = set(re.findall(r'cjo_dead_letters_total{reason="(\w+)"} 0.0', shown))
    assert begun == set(REASONS)
    assert all(len(metric.labels) == 1 for metric in METRICS if metric.from_zero)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says it")
def test_what_is_known_of_the_process_itself_is_in_the_table() -> None:
    shown = Metrics().render().decode()
    kinds = dict(re.findall(r"^# TYPE (cjo_process_\w+) (\w+)$", shown, re.M))
    assert kinds == {metric.name: metric.kind for metric in PROCESS_METRICS}


def test_event_to_action_is_told_apart_from_10_ms_to_60_s() -> None:
    (metric,) = [one for one in METRICS if one.name == "cjo_event_to_action_seconds"]
    bounds = [one for one in metric.buckets if 0.01 <= one <= 60]
    assert (bounds[0], bounds[-1]) == (0.01, 60)
    assert all(after <= 3 * before for before, after in pairwise(bounds))


def test_a_port_in_use_is_refused_with_the_variable_to_set(tmp_path: Path) -> None:
    endpoint = serve(Metrics(), Health(), "127.0.0.1", 0, tmp_path)
    try:
        with pytest.raises(RefusalError, match="CJO_METRICS_PORT"):
            serve(Metrics(), Health(), "127.0.0.1", endpoint.port, tmp_path)
    finally:
        endpoint.close()


@pytest.mark.usefixtures("_root_logger")
def test_the_log_is_json_lines_where_no_terminal_is() -> None:
    stream = io.StringIO()
    log.set_up("INFO", "auto", stream)
    logger = logging.getLogger("cjo_stream.some.room")
    logger.debug("not this")
    try:
        raise ValueError("a reason")
    except ValueError:
        logger.exception("partition %d failed", 3)
    (line,) = stream.getvalue().splitlines()
    got = json.loads(line)
    assert got["message"] == "partition 3 failed"
    assert got["level"] == "ERROR"
    assert got["logger"] == "cjo_stream.some.room"
    assert got["time"].endswith("Z")
    assert "ValueError: a reason" in got["error"]


@pytest.mark.usefixtures("_root_logger")
def test_the_log_is_for_people_where_asked() -> None:
    stream = io.StringIO()
    log.set_up("WARNING", "text", stream)
    logging.getLogger("cjo_stream").warning("lag of %d records", 9)
    assert stream.getvalue()[8:] == " warning lag of 9 records\n"


@pytest.mark.usefixtures("_root_logger")
@pytest.mark.parametrize("format_", ["text", "json"])
def test_no_message_makes_a_line_of_its_own_or_moves_a_cursor(format_: Any) -> None:
    forged = "x\n12:00:00 error   all is lost\r\x1b[2J\x9b31m\u202eevil"
    stream = io.StringIO()
    log.set_up("INFO", format_, stream)
    try:
        raise ValueError(forged)
    except ValueError:
        logging.getLogger("cjo_stream").exception("the registry says %s", forged)
    written = stream.getvalue()
    assert written.replace("\n", "").isprintable()
    first, *others = written.splitlines()
    assert "the registry says x" in first
    if format_ == "json":
        assert others == []
        assert json.loads(first)["level"] == "ERROR"
    else:
        assert others
        assert all(one.startswith("  | ") for one in others)


def test_another_process_s_line_bears_its_name_whatever_it_is() -> None:
    assert log.with_process("intake", "a line", as_json=False) == "intake | a line"
    told = json.loads(
        log.with_process("intake", '{"level": "INFO", "message": "m"}', as_json=True)
    )
    assert told == {"process": "intake", "level": "INFO", "message": "m"}
    for line in ("error: missing", "[1, 2]", '"text"', "{not json"):
        told = json.loads(log.with_process("intake", line, as_json=True))
        assert told == {"process": "intake", "message": line}
