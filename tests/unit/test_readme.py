"""What the README says, done."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from cjo_stream.core.decision.explain import explain
from cjo_stream.core.record import Decision
from cjo_stream.definition import load
from cjo_stream.embedded.learning import learns
from cjo_stream.telemetry.metric import METRICS
from cjo_stream.testing import TopologyDriver

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_its_python_runs(monkeypatch: object) -> None:
    (example,) = blocks("python")
    example = example.replace('"topologies/shop"', repr(str(ROOT / "topologies" / "shop")))
    exec(compile(example, "README.md", "exec"), {})


def test_its_journey_loads(tmp_path: Path) -> None:
    journey, _, _ = blocks("yaml")
    head = (
        "topology: t\nchannels: {web: {in: {}}, mail: {out: {address: user}}}\n"
        "identity: {identifiers: [{type: user}]}\n---\n"
        "action: cart_reminder\ntreatments: {mail: {template: t}}\n---\n"
    )
    (tmp_path / "t.yaml").write_text(head + journey)
    assert list(load(tmp_path).program.journeys) == ["cart_recovery"]


def test_its_action_and_policy_load_and_learn(tmp_path: Path) -> None:
    _, _, action = blocks("yaml")
    head = (
        "topology: t\nchannels: {web: {in: {}}, email: {out: {address: email}}}\n"
        "identity: {identifiers: [{type: email}]}\nprofile: {facts: {tier: string}}\n---\n"
        "journey: j\nversion: 1\nentry: {on: x}\ninitial: a\n"
        "states: {a: {enter: [{decide: {}}], after: {1d: b}}, b: {end: over}}\n---\n"
    )
    (tmp_path / "t.yaml").write_text(head + action)
    program = load(tmp_path).program
    assert learns(program)
    assert program.policy.thompson


def test_its_decision_is_explained_as_it_says(tmp_path: Path) -> None:
    _, advice, _ = blocks("yaml")
    head = (
        "topology: t\nchannels:\n  web: {in: {}}\n  email: {out: {address: email}}\n"
        "  app: {out: {address: user}}\nidentity: {identifiers: [{type: user}, {type: email}]}\n"
        "profile: {facts: {products: list}}\n---\n"
    )
    (tmp_path / "t.yaml").write_text(head + advice)
    driver = TopologyDriver(tmp_path)
    ada = {"user": "ada", "email": "ada@example.com"}
    for type_, time in (("cjo.profile", "21:59"), ("speed_test", "22:00")):
        driver.send(
            type_,
            at=f"2026-03-02T{time}:00Z",
            channel="web",
            identifiers=ada,
            attributes={"products": ["dsl"]},
            id="e1" if type_ == "speed_test" else None,
        )
    (decision,) = driver.decisions()
    said = "\n".join(explain(msgspec.convert(decision, Decision)))
    assert re.sub(r"\[.*\]", "[…]", said) in re.sub(r"\[0801.*\]", "[…]", README)


def test_every_make_target_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"\bmake ([a-z]+)\b(?!\.)", README)) <= targets | {"test"}


def test_every_file_it_links_to_exists() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_its_metrics_are_those_there_are() -> None:
    rows = re.findall(r"^\| `(cjo_\w+)` \| (.*?) \| (.*?) \|$", README, re.M)
    told = [(name, tuple(re.findall(r"`(\w+)`", labels)), what) for name, labels, what in rows]
    assert told == [(metric.name, metric.labels, metric.help) for metric in METRICS]


def test_it_names_every_bound_and_result_that_is_counted() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "cjo_stream").rglob("*.py"))
    bounds = set(re.findall(r'"cjo_state_bounds_total", "(\w+)"', sources))
    bounds |= set(re.findall(r'turn\.(?:newest|drop_oldest)\(.+, "(\w+)"\)', sources))
    assert len(bounds) >= 10
    (told,) = re.findall(r"`result` of an event is .*?\n\n", README, re.S)
    results = {"applied", "late", "repeated", "refused", "erased"}
    assert set(re.findall(r"`(\w+)`", told)) - {"result", "bound"} == bounds | results


def test_it_names_the_customer_commands_there_are() -> None:
    from cjo_stream.cli.customer import app

    named = {command.callback.__name__ for command in app.registered_commands if command.callback}
    assert set(re.findall(r"^cjo-stream customer (\w+)", README, re.M)) == named
