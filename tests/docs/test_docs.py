"""README.md and docs/ say what the code does; every example in them runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cjo_stream import settings
from cjo_stream.core.word import Format
from cjo_stream.definition import load
from cjo_stream.definition.grammar import action, journey, policy, topology
from cjo_stream.engine.schema import RECORDS
from cjo_stream.errors import CjoError
from cjo_stream.kafka.topic.wanted import wanted_topics
from cjo_stream.settings import Settings, fields
from cjo_stream.telemetry.metric import METRICS, PROCESS_METRICS
from tests.docs import example, sample
from tests.docs.command import commands
from tests.docs.drawn import TABLES
from tests.docs.page import (
    PAGES,
    ROOT,
    blocks,
    faults,
    name_of,
    unnamed,
    unplaced,
    with_prints,
    with_tables,
)

TEXTS = {name_of(page): page.read_text() for page in PAGES}
DRAW = "draw the pages anew: make docs"


def found(pattern: str, *, among: dict[str, str] = TEXTS) -> dict[str, str]:
    """Return what matches, with a page where it stands."""
    return {one: name for name, text in among.items() for one in re.findall(pattern, text)}


# --- what is drawn, and what runs


@pytest.mark.parametrize("name", TEXTS)
def test_its_tables_are_those_of_the_code(name: str) -> None:
    assert with_tables(TEXTS[name], TABLES) == TEXTS[name], DRAW


def test_every_table_stands_on_a_page() -> None:
    assert not unplaced(TEXTS.values(), TABLES)


def test_a_table_without_a_page_is_said_with_what_to_write() -> None:
    (said,) = unplaced(TEXTS.values(), [*TABLES, "record cjo.x.v1"])
    assert "in docs/records.md" in said
    assert "<!-- drawn: record cjo.x.v1 -->" in said


def test_nothing_is_written_while_a_table_cannot_be_drawn() -> None:
    def without_a_row() -> str:
        raise AssertionError("TOPICS in tests/docs/word.py has no row for x.v1: add it")

    tables = {**TABLES, "topics": without_a_row}
    assert faults(TEXTS.values(), tables) == [
        "TOPICS in tests/docs/word.py has no row for x.v1: add it"
    ]


def test_every_format_has_a_section() -> None:
    """Of a native event the whole page speaks."""
    sections = set(re.findall(r"^### (\w+)$", TEXTS["docs/events.md"], re.M))
    for form in set(Format) - {Format.NATIVE}:
        assert form in sections, f"docs/events.md needs a section `### {form}`: how it is read"


@pytest.mark.parametrize("name", TEXTS)
def test_its_examples_run_and_print_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in settings.environment():
        monkeypatch.delenv(variable)
    example.topologies(tmp_path)
    printed = example.run(TEXTS[name], tmp_path)
    assert with_prints(TEXTS[name], printed) == TEXTS[name], DRAW


@pytest.mark.parametrize("name", TEXTS)
def test_a_reader_sees_the_name_of_each_file(name: str) -> None:
    assert unnamed(TEXTS[name]) == [], "write `NAME`: before the block"


def test_a_file_without_a_name_is_found() -> None:
    block = "<!-- file: a.yaml -->\n```yaml\na: 1\n```\n"
    assert unnamed(f"Save `a.yaml`:\n\n{block}\nThen:\n\n{block}") == ["a.yaml"]


def test_the_topology_of_the_readme_is_a_short_one() -> None:
    (text,) = [block.text for block in blocks(TEXTS["README.md"]) if "topology:" in block.text]
    assert len(text.splitlines()) <= 45
    assert (ROOT / "tests" / "docs" / "hello" / "topology.yaml").read_text() == text


# --- what is named exists


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_leads_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", TEXTS[name]):
        file, _, anchor = link.partition("#")
        target = (ROOT / name).parent / file if file else ROOT / name
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text()), link


def test_the_index_names_every_page() -> None:
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", TEXTS["docs/README.md"]))
    assert listed == {page.name for page in PAGES if page.parent.name == "docs"} - {"README.md"}
    assert {f"docs/{name}" for name in listed} == set(
        re.findall(r"\]\((docs/[\w-]+\.md)\)", TEXTS["README.md"])
    )


def test_the_examples_of_records_are_those_that_the_engine_makes() -> None:
    assert sample.drawn() == sample.KEPT.read_text(), DRAW


def test_every_page_that_the_code_cites_exists() -> None:
    sources = [*(ROOT / "cjo_stream").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    cited = found(r"\bdocs/[\w-]+\.md", among={str(p): p.read_text() for p in sources})
    assert cited
    assert {page for page in cited if not (ROOT / page).exists()} == set()


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    asked = set(found(r"(?:`|^)make ([a-z-]+)"))
    assert "deploy-check" in asked
    sources = {str(path): path.read_text() for path in (ROOT / "tests").rglob("*.py")}
    asked |= set(found(r"`make ([a-z-]+)", among=sources))
    assert asked <= targets


def test_every_option_of_insight_is_told_and_the_common_ones_once() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text()
    for told in ("The folder of the layer, or a URL.", "From this time on.", "Before this time."):
        assert page.count(told) == 1
    for name, command in commands():
        section = page.split(f"### cjo-stream {name}\n")[1].split("\n### ")[0]
        for one in command.params:
            if one.param_type_name == "option" and one.name != "help":
                assert f"`{one.opts[0]}" in section, f"{name} {one.opts[0]}"


def test_every_command_and_option_exists() -> None:
    known = dict(commands())
    groups = {name.split()[0] for name in known if " " in name}
    for line, page in found(r"(?:`|^)cjo-stream ([^`\n]+)").items():
        words = [word for word in line.split("#")[0].split() if word != "COMMAND"]
        words = words[2:] if words[:1] == ["--config"] else words
        if not words or words == ["--help"]:
            continue
        name = " ".join(words[: 2 if words[0] in groups else 1])
        assert name in known, f"{page}: {line}"
        options = {option for one in known[name].params for option in one.opts}
        for word in words:
            if word.startswith("--"):
                assert word in options | {"--help"}, f"{page}: {line}"


def test_every_setting_exists() -> None:
    known = {f"CJO_{name.upper().replace('.', '__')}" for name in fields()}
    for name, page in found(r"\bCJO_\w+").items():
        assert name in known or name.startswith("CJO_KAFKA__"), f"{page}: {name}"


def test_every_metric_exists() -> None:
    known = {metric.name for metric in (*METRICS, *PROCESS_METRICS)}
    for name, page in found(r"\bcjo_(?!stream)\w+").items():
        assert name in known, f"{page}: {name}"


def test_every_topic_exists() -> None:
    known = {topic.name for topic in wanted_topics(Settings(), None)} | set(RECORDS)
    for name, page in found(r"`(cjo\.[\w.]+\.v1)").items():
        is_channels = re.fullmatch(r"cjo\.(event|action)\.\w+\.v1", name) or name == "cjo.event.v1"
        assert name in known or is_channels, f"{page}: {name}"


# --- defaults


def test_every_default_in_a_description_is_the_codes(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        "topology: t\nchannels: {web: {in: {}, out: {address: user}}}\n"
        "identity: {identifiers: [{type: user}]}\n"
        "profile: {traits: {d: {distinct: event.x, on: seen}}}\n---\n"
        "journey: j\nversion: 1\nentry: {on: x}\ngoal: {on: y}\ninitial: a\n"
        "states: {a: {after: {1d: b}, at: [{time: now, to: b}]}, b: {end: over}}\n---\n"
        "action: a\nlimits: [{outcome: reject, pause: forever}]\ntreatments: {web: {}}\n---\n"
        "policy: p\ncaps: [{max: 1, per: day}]\n"
    )
    program = load(tmp_path).program
    day_ms = 86_400_000
    state, offer = program.journeys["j"].states["a"], program.actions["a"]
    channel, reentry = program.channels["web"], program.journeys["j"].entry.reentry
    held = [
        (topology.TOPOLOGY, "timezone", "UTC", program.timezone == "UTC"),
        (topology.TOPOLOGY, "dedupe", "7d", program.dedupe_ms == 7 * day_ms),
        (topology.TOPOLOGY, "grace", "5m", program.grace_ms == 300_000),
        (topology.TOPOLOGY, "max_late", "1d", program.max_late_ms == day_ms),
        (topology._IN, "format", "native", channel.input and channel.input.format == "native"),
        (topology._IDENTIFIER, "limit", "5", program.identifiers["user"].limit == 5),
        (topology._TRAIT, "keep", "50", program.traits["d"].keep == 50),
        (journey.JOURNEY, "status", "live", program.journeys["j"].status.value == "live"),
        (journey._ENTRY, "reentry", "after_end", reentry.value == "after_end"),
        (journey._GOAL, "exit", "false", not program.journeys["j"].goal.exit),
        (journey._AT, "past", "fire", state.timers[1].past.value == "fire"),
        (action.ACTION, "class", "marketing", offer.class_ == "marketing"),
        (action.ACTION, "expires", "7d", offer.expires_ms == 7 * day_ms),
        (policy.POLICY, "explore", "0", program.policy.explore == 0),
        (policy.POLICY, "week_starts", "mon", program.policy.week_starts == 0),
        (policy.POLICY, "reward_window", "7d", program.reward_window_ms == 7 * day_ms),
    ]
    for record, name, written, is_so in held:
        assert record.fields[name].about.endswith(f"Default: {written}."), name
        assert is_so, name
    assert offer.limits[0].count == 1
    assert program.policy.caps[0].rule == "cap_1"


TWICE = """
<!-- file: a.yaml -->
```yaml
a: 1
a: 1
```

<!-- edit: a.yaml -->
```diff
-a: 1
+a: 2
```
"""


def test_an_example_that_is_wrong_is_found(tmp_path: Path) -> None:
    for page in (
        "```sh\ncjo-stream rum\n```",
        "```yaml\naction: a\ntreatments: {webb: {}}\n```",
        "<!-- in: journey -->\n```yaml\nstates: {first: {after: {1d: nowhere}}}\n```",
        '```json\n{"type": "Not a type", "time": 1, "identifiers": {}}\n```',
        "```python\nassert False\n```",
        TWICE,
    ):
        with pytest.raises((AssertionError, CjoError)):
            example.run(page, tmp_path)


def test_a_table_with_a_word_that_has_no_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.docs import word

    kept: dict[str, Any] = dict(word.GATES)
    del kept["caps"]
    monkeypatch.setattr(word, "GATES", kept)
    with pytest.raises(AssertionError, match="caps"):
        TABLES["gates"]()
