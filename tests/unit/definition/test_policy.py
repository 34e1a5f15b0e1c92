"""What loads of a policy, of limits and of `decide`; each error and warning at its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cjo_stream.core.program.policy import Cap, Coverage, QuietWindow
from cjo_stream.core.program.program import Program
from cjo_stream.core.word import Consent, Period, Then
from cjo_stream.definition import load, schema
from tests.unit.definition import test_errors
from tests.unit.definition.test_errors import ACTION, JOURNEY, at_mark, errors_of

CASES = "service: {opened: {on: ticket_opened}, closed: {on: ticket_closed}}\n"
TOPOLOGY = test_errors.TOPOLOGY + CASES
POLICY = """\
policy: contact
caps:
  - {name: two_a_day, class: marketing, max: 2, per: day}
  - {channel: [email, web], action: reminder, max: 3, per: 7d}
limits:
  - {outcome: reject, count: 2, per: 30d, pause: 30d}
quiet_hours: {channel: email, from: "21:00", until: "08:00", then: delay}
consent: {marketing: opt_in, service: opt_out}
service_gate: {block: marketing}
holdout: 2%
explore: 5%
week_starts: sun
reward_window: 14d
"""
DECIDE = JOURNEY.replace("act: reminder", "decide: {actions: [reminder], channels: email}")


def program_of(folder: Path, *documents: str) -> Program:
    (folder / "all.yaml").write_text("---\n".join(documents))
    return load(folder).program


def test_a_policy_compiles_whole(tmp_path: Path) -> None:
    program = program_of(tmp_path, TOPOLOGY, ACTION, POLICY)
    policy = program.policy
    others = frozenset(("marketing", "service"))
    assert policy.caps == (
        Cap(
            rule="two_a_day",
            coverage=Coverage(classes=frozenset(("marketing",))),
            most=2,
            per=Period.DAY,
        ),
        Cap(
            rule="cap_2",
            coverage=Coverage(
                classes=others,
                channels=frozenset(("email", "web")),
                actions=frozenset(("reminder",)),
            ),
            most=3,
            per=7 * 86_400_000,
        ),
    )
    (limit,) = policy.limits
    assert (limit.outcome, limit.count, limit.rule) == (
        "reject",
        2,
        "reject x2 per 30d pause 30d",
    )
    night = QuietWindow(
        rule="21:00-08:00 delay",
        days=frozenset(range(7)),
        start_minute=21 * 60,
        end_minute=8 * 60,
        then=Then.DELAY,
    )
    assert policy.quiet == {"email": (night,)}
    assert policy.consent == {"marketing": Consent.OPT_IN, "service": Consent.OPT_OUT}
    assert policy.blocked_by_case == {"marketing"}
    assert (policy.holdout, policy.explore, policy.week_starts) == (0.02, 0.05, 6)
    assert program.reward_window_ms == 14 * 86_400_000


def test_without_a_policy_nothing_holds_across_journeys(tmp_path: Path) -> None:
    program = program_of(tmp_path, TOPOLOGY, ACTION)
    assert (program.policy.caps, program.policy.quiet, program.policy.holdout) == ((), {}, 0)
    plain = Program(topology="", channels={}, identifiers={})
    assert program.reward_window_ms == plain.reward_window_ms == 7 * 86_400_000


def test_candidates_know_what_the_policy_says_of_them(tmp_path: Path) -> None:
    action = """\
action: reminder
issue: sales
group: cards
class: transactional
lever: 10
propensity: 0.5
treatments: {email: {propensity: 0.25}, web: {}}
"""
    levers = "levers: {issue: {sales: 100}, group: {cards: -10}}\n"
    program = program_of(tmp_path, TOPOLOGY, action, POLICY + levers)
    email, web = program.candidates["reminder"]
    assert (email.channel, email.address, email.lever) == ("email", "email", 2.0)
    assert (email.caps, email.limits) == ((), (0,))
    assert [candidate.propensity.text for candidate in (email, web)] == ["0.25", "0.5"]


def test_a_decide_knows_its_candidates(tmp_path: Path) -> None:
    program = program_of(tmp_path, TOPOLOGY, ACTION, DECIDE)
    (decide,) = program.journeys["recovery"].states["reminded"].enter
    assert [(c.action.name, c.channel) for c in decide.candidates] == [("reminder", "email")]


def test_sound_definitions_give_nothing_to_say(tmp_path: Path) -> None:
    assert errors_of(tmp_path, TOPOLOGY, ACTION, POLICY, DECIDE) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("policy: contact", "policy: §Contact", "'Contact' is not a name"),
        ("caps:", "§cap:", "unknown key of a policy 'cap'; did you mean 'caps'?"),
        ("max: 2,", "§maxi: 2,", "unknown key of a cap 'maxi'; did you mean 'max'?"),
        ("- {name: two_a_day, class: marketing, max: 2,", "- §{name: x,", "a cap needs 'max'"),
        ("max: 2, per: day", "max: §-1, per: day", "must be a whole number, at least 0"),
        ("max: 2, per: day", "max: §2.5, per: day", "must be a whole number, not 2.5"),
        ("max: 2, per: day", "max: 2, per: §dya", "'dya' is not a duration; did you mean 'day'?"),
        ("max: 2, per: day", "max: 2, per: §soon", "'soon': not a duration"),
        ("per: 7d}", "per: §[7d]}", "must be a duration, as 30m or 1d12h, or day or week or"),
        ("class: marketing,", "class: §marketin,", "unknown class 'marketin'; did you mean"),
        ("[email, web]", "[§emial, web]", "unknown channel 'emial'; did you mean 'email'?"),
        ("action: reminder,", "action: §remindr,", "unknown action 'remindr'; did you mean"),
        ("outcome: reject", "outcome: §rejct", "unknown outcome 'rejct'; did you mean 'reject'?"),
        (", pause: 30d}", "}", "a limit needs 'pause'"),
        ("pause: 30d", "pause: §forevr", "'forevr' is not a duration; did you mean 'forever'?"),
        ("count: 2", "count: §0", "must be a whole number, at least 1"),
        ("channel: email, from", "channel: §phone, from", "unknown channel 'phone'"),
        ('"21:00"', '§"25:00"', "'25:00' is not a time of day"),
        ('"21:00"', '§"9:00"', "'9:00' is not a time of day"),
        ('until: "08:00"', 'until: §"21:00"', "equal to 'from': leave out both for a whole day"),
        (', until: "08:00"', "", "'from' goes with 'until'"),
        (', from: "21:00"', "", "'until' goes with 'from'"),
        (", then: delay", "", "quiet hours needs 'then'"),
        ("then: delay", "then: §wait", "unknown effect on requests 'wait'; known: delay, drop"),
        ("channel: email, from", "days: [§snu], from", "unknown day 'snu'; did you mean 'sun'?"),
        ('email, from: "21:00", until: "08:00"', "email, days: §snu", "unknown day 'snu'"),
        ("marketing: opt_in", "marketing: §optin", "unknown kind of consent 'optin'; did"),
        ("{marketing: opt_in", "{§marketng: opt_in", "unknown class 'marketng'; did you mean"),
        ("{block: marketing}", "{block: §all}", "unknown class 'all'"),
        ("{block: marketing}", "§{}", "a service gate needs 'block'"),
        ("holdout: 2%", "holdout: §102%", "a share is from 0 to 1"),
        ("explore: 5%", "explore: §.nan", "a share is from 0 to 1"),
        ("explore: 5%", "explore: §often", "must be a share"),
        ("week_starts: sun", "week_starts: §sunday", "unknown day 'sunday'; did you mean 'sun'?"),
        ("reward_window: 14d", "reward_window: §0s", "a duration is at least 1s"),
        ("holdout: 2%", "levers: {issue: {sales: §.inf}}", "must be"),
        ("holdout: 2%", "levers: {§action: {sales: 1}}", "unknown key of levers 'action'"),
    ],
)
def test_a_policys_errors_stand_at_their_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in POLICY
    changed = POLICY.replace(old, new, 1)
    if "§" in changed:
        there, others = at_mark(tmp_path, changed, TOPOLOGY, ACTION)
    else:
        there, others = errors_of(tmp_path, changed, TOPOLOGY, ACTION), []
    assert any(said in line for line in there), there + others


DAY_AND_NIGHT = (
    '[{from: "08:00", until: "21:00", then: drop}, §{from: "21:00", until: "08:00", then: delay}]'
)
ALL_WEEK = """[
  {from: "00:00", until: "23:59", then: drop},
  {days: [mon, tue, wed, thu, fri], then: drop},
  §{channel: email, days: [sat, sun], then: delay}]"""


@pytest.mark.parametrize(
    ("windows", "at"),
    [
        ("§{then: drop}", "this window never ends on channel 'email'"),
        ("§{channel: web, days: [mon, tue, wed, thu, fri, sat, sun], then: delay}", "never ends"),
        (
            DAY_AND_NIGHT,
            "with this, quiet hours never end on channel 'email'",
        ),
        (
            ALL_WEEK,
            "never end on channel 'email'",
        ),
    ],
)
def test_quiet_hours_that_never_end_are_an_error(tmp_path: Path, windows: str, at: str) -> None:
    there, others = at_mark(tmp_path, f"policy: p\nquiet_hours: {windows}\n", TOPOLOGY, ACTION)
    assert any(at in line and line.startswith("error") for line in there), there + others


def test_quiet_hours_that_leave_a_minute_a_week_load(tmp_path: Path) -> None:
    windows = """\
policy: p
quiet_hours:
  - {days: [mon, tue, wed, thu, fri, sat], then: drop}
  - {days: [sun], from: "00:01", until: "00:00", then: delay}
"""
    assert errors_of(tmp_path, windows, TOPOLOGY) == []


def test_a_folder_has_one_policy(tmp_path: Path) -> None:
    found = errors_of(tmp_path, TOPOLOGY, POLICY, "policy: second\n", ACTION)
    assert [line.split(": ", 1)[1] for line in found] == [
        f"error: a second policy, after {tmp_path}/all.yaml, line 13: a folder has only one"
    ]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (
            "caps: {name: c, issue: §slaes, max: 1, per: 1d}",
            "unknown issue: no action has 'slaes'",
        ),
        ("limits: {group: §x, outcome: click, pause: 1d}", "unknown group: no action has 'x'"),
        ("levers: {group: {§x: 1}}", "unknown group: no action has 'x'"),
        ("consent: {§transactional: opt_in}", "this gate never stops 'transactional'"),
        ("service_gate: {block: [§transactional]}", "this gate never stops 'transactional'"),
        (
            "caps: [{name: a, max: 1, per: 1d}, {name: §a, max: 2, per: 2d}]",
            "a second cap 'a'",
        ),
    ],
)
def test_what_has_no_effect_is_a_warning(tmp_path: Path, policy: str, said: str) -> None:
    action = ACTION + "issue: sales\n"
    there, others = at_mark(tmp_path, f"policy: p\n{policy}\n", TOPOLOGY, action)
    assert any(said in line and line.startswith("warning") for line in there), there + others
    assert not others


# --- decide


@pytest.mark.parametrize(
    ("decide", "said"),
    [
        ("{actions: [§remindr]}", "error: unknown action 'remindr'; did you mean 'reminder'?"),
        ("{channels: [§emial]}", "error: unknown channel 'emial'; did you mean 'email'?"),
        ("{actions: [reminder, §reminder]}", "error: repeated action 'reminder'"),
        ("{§action: reminder}", "error: unknown key of a decide 'action'; did you mean 'actions'"),
        ("{issue: §sale}", "warning: unknown issue: no action has 'sale'; did you mean 'sales'?"),
        ("{group: [cards, §card]}", "warning: unknown group: no action has 'card'; did you mean"),
        ("§{channels: web}", "warning: this decide can match nothing"),
        ("§{channels: desk}", "warning: this decide can match nothing"),
        ("{data: {x: §profile.teir}}", "error: no fact or trait profile.teir; did you mean"),
    ],
)
def test_a_decides_findings_stand_at_their_place(tmp_path: Path, decide: str, said: str) -> None:
    marked = JOURNEY.replace("act: reminder", f"decide: {decide}")
    there, others = at_mark(tmp_path, marked, TOPOLOGY, ACTION + "issue: sales\ngroup: cards\n")
    assert any(said in line for line in there), there + others
    assert not others


def test_event_in_the_data_of_a_decide_where_time_leads_is_a_warning(tmp_path: Path) -> None:
    marked = JOURNEY.replace("act: reminder", "decide: {data: {x: §event.x}}")
    there, _ = at_mark(tmp_path, marked, TOPOLOGY, ACTION)
    assert there == ["warning: a timer leads here: 'event' is missing"]


def test_a_holdout_on_a_journey_that_decides_over_service_actions_is_a_warning(
    tmp_path: Path,
) -> None:
    marked = JOURNEY.replace("act: reminder", "decide: §{}").replace(
        "initial:", "holdout: 10%\ninitial:"
    )
    there, others = at_mark(tmp_path, marked, TOPOLOGY, ACTION + "class: service\n")
    assert there == ["warning: held-out customers do not get 'reminder', a service action"]
    assert not others


# --- actions


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("value: §true", "must be a number or an expression"),
        ("value: §\"'high'\"", "must be a number, or an expression that gives one"),
        ("value: §.inf", "must be a finite number"),
        ("value: event.x + §profile.y", "no fact or trait profile.y"),
        ("value: §event.total > 5", "must be a number, or an expression that gives one"),
        ("value: §profile.tier", "must be a number, or an expression that gives one"),
        ("value: §not event.x and has(event.y)", "must be a number, or an expression that"),
        (
            "value: §\"'x' if event.a else str(event.b)\"",
            "must be a number, or an expression that",
        ),
        ("value: §date(now)", "must be a number, or an expression that gives one"),
        ("value: §profile.vip + event.a", "must be a number, or an expression that gives one"),
        ("propensity: §event.p == 1", "must be a number from 0 to 1, or an expression that"),
        ("propensity: §1.5", "must be a number from 0 to 1"),
        ('propensity: §"-1"', "must be a number from 0 to 1"),
        ("propensity: §\"'x'\"", "must be a number from 0 to 1"),
        ("propensity: {prior: §2}", "must be a number, at least 0 and at most 1"),
        ("propensity: §{features: [profile.tier]}", "a propensity needs 'prior'"),
        ("lever: §high", "must be a number"),
        ("context: [§{when: true}]", "a context weight needs 'weight'"),
        ("context: [{when: true, weight: §.nan}]", "must be"),
        ("context: [{when: §data.x, weight: 1}]", "'data' is not available here"),
        ("context: [{when: §candidate.channel == 'x', weight: 1}]", "is not available here"),
        ("limits: [{outcome: §seen, pause: 1d}]", "unknown outcome 'seen'"),
        ("limits: [§{outcome: click}]", "a limit needs 'pause'"),
        ("limits: [{outcome: click, §group: x, pause: 1d}]", "unknown key of a limit 'group'"),
        ("limits: [{outcome: click, pause: §0s}]", "a duration is at least 1s"),
    ],
)
def test_an_actions_weights_and_limits_are_checked(tmp_path: Path, line: str, said: str) -> None:
    there, others = at_mark(tmp_path, f"{ACTION}{line}\n", TOPOLOGY)
    assert any(said in found for found in there), there + others


@pytest.mark.parametrize(
    "value",
    [
        "event.a and event.b",
        "event.a or 5",
        "coalesce(profile.tier, 5)",
        "1 if event.a else 'x'",
        "profile.orders",
        "event.tier",
        "min(event.a, 3)",
        "-event.a",
        "now - profile.first_seen",
    ],
)
def test_what_may_give_a_number_loads(tmp_path: Path, value: str) -> None:
    found = errors_of(tmp_path, f'{ACTION}value: "{value}"\npropensity: "{value}"\n', TOPOLOGY)
    assert found == []


def test_one_limit_may_stand_alone(tmp_path: Path) -> None:
    action = ACTION + "limits: {outcome: accept, pause: forever}\n"
    (limit,) = program_of(tmp_path, TOPOLOGY, action).actions["reminder"].limits
    assert (limit.pause_ms, limit.per_ms, limit.rule) == (None, None, "accept pause forever")


def test_the_schema_of_a_policy_knows_every_key(tmp_path: Path) -> None:
    drawn = schema("policy")
    assert set(drawn["properties"]) == {
        "policy",
        "caps",
        "limits",
        "quiet_hours",
        "consent",
        "service_gate",
        "levers",
        "holdout",
        "explore",
        "week_starts",
        "reward_window",
    }, "a new word of the policy: add it here, with its tests above"
    assert '"forever"' in json.dumps(drawn)
