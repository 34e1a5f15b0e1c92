"""The `policy` document to a Policy, and its rules for each candidate."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cjo_stream.core.command.coverage import covers_candidate
from cjo_stream.core.decision.gate import gates_of
from cjo_stream.core.expression.calendar import WEEKDAYS
from cjo_stream.core.program.action import Action, Candidate
from cjo_stream.core.program.policy import Cap, Policy, Rule
from cjo_stream.core.program.topology import Channel
from cjo_stream.core.word import HELD_BACK, ActionClass
from cjo_stream.definition.build.context import Context
from cjo_stream.definition.build.limit import build_coverage, build_limit, coverage_text
from cjo_stream.definition.build.quiet import build_quiet
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields, Item
from cjo_stream.definition.text.report import Report, quoted, unknown

REWARD_WINDOW_MS = 7 * 86_400_000


def build_policy(fields: Fields | None, context: Context) -> Policy:
    """Return the policy; without a document an empty one."""
    if fields is None:
        return Policy()
    report = context.report
    _check_names(fields, context)
    gate: Fields | None = fields.value("service_gate")
    blocked = gate.items("block") if gate is not None else []
    explore = fields.value("explore", 0.0)
    consent = fields.items("consent")
    _warn_of_transactional([*blocked, *(pair.key for pair in consent)], report)
    return Policy(
        caps=tuple(_build_caps(fields, report)),
        limits=tuple(
            build_limit(item.value, build_coverage(item.value), coverage_text(item.value))
            for item in fields.items("limits")
        ),
        quiet=build_quiet(fields.items("quiet_hours"), context),
        consent={pair.key.value: pair.value for pair in consent},
        blocked_by_case=frozenset(item.value for item in blocked) & HELD_BACK,
        holdout=fields.value("holdout", 0.0),
        explore=explore if isinstance(explore, float) else 0.0,
        thompson=isinstance(explore, Fields) and explore.value("thompson", False),
        week_starts=WEEKDAYS.index(fields.value("week_starts", WEEKDAYS[0])),
    )


def build_candidates(
    actions: dict[str, Action],
    channels: dict[str, Channel],
    policy: Policy,
    fields: Fields | None,
) -> dict[str, tuple[Candidate, ...]]:
    """Return the whole portfolio: each action on each of its channels, with the policy's rules."""
    levers: Fields | None = fields.value("levers") if fields is not None else None
    issues, groups = _percents(levers, "issue"), _percents(levers, "group")
    portfolio = {}
    for name, action in actions.items():
        percent = action.lever + issues.get(action.issue, 0) + groups.get(action.group, 0)
        candidates = (
            Candidate(
                action=action,
                channel=treatment.channel,
                address=channels[treatment.channel].address,
                propensity=(
                    action.propensity if treatment.propensity is None else treatment.propensity
                ),
                lever=max(0.0, 1 + percent / 100),
                caps=_covering(policy.caps, action, treatment.channel),
                limits=_covering(policy.limits, action, treatment.channel),
            )
            for treatment in action.treatments.values()
            if treatment.channel in channels
        )
        portfolio[name] = tuple(
            msgspec.structs.replace(one, gates=gates_of(one, policy)) for one in candidates
        )
    return portfolio


def _covering(rules: Sequence[Rule], action: Action, channel: str) -> tuple[int, ...]:
    """Return the indexes of the rules that cover a candidate."""
    return tuple(
        place
        for place, rule in enumerate(rules)
        if covers_candidate(rule.coverage, action, channel)
    )


def _percents(levers: Fields | None, name: str) -> dict[str | None, float]:
    pairs = levers.items(name) if levers is not None else []
    return {pair.key.value: pair.value for pair in pairs}


def _check_names(fields: Fields, context: Context) -> None:
    """Report unknown channels and actions; warn of issues and groups without actions."""
    rules: list[Fields] = [
        item.value for name in ("caps", "limits", "quiet_hours") for item in fields.items(name)
    ]
    for rule in rules:
        for channel in rule.items("channel"):
            context.check_known(channel.node, "channel", channel.value, context.declared.channels)
        for action in rule.items("action"):
            if action.value not in context.actions:
                context.report.error(
                    action.node, *unknown("action", action.value, context.actions)
                )
        for what in ("issue", "group"):
            context.warn_unless_used(rule.items(what), what)
    levers: Fields | None = fields.value("levers")
    for what in ("issue", "group"):
        pairs = levers.items(what) if levers is not None else []
        context.warn_unless_used([pair.key for pair in pairs], what)


def _build_caps(fields: Fields, report: Report) -> list[Cap]:
    caps: list[Cap] = []
    for place, item in enumerate(fields.items("caps")):
        rule: Fields = item.value
        name, per = rule.value("name", f"cap_{place + 1}"), rule.value("per", 0)
        if any(name == cap.rule for cap in caps):
            where = rule.get("name")
            report.warn(
                where.node if where else item.node, Code.REPEATED, f"a second cap {quoted(name)}"
            )
        coverage = build_coverage(rule)
        if coverage.classes is None:
            # Only a cap that names the class transactional covers it.
            coverage = msgspec.structs.replace(coverage, classes=HELD_BACK)
        caps.append(
            Cap(
                rule=name,
                coverage=coverage,
                most=rule.value("max", 0),
                per=per,
            )
        )
    return caps


def _warn_of_transactional(items: list[Item], report: Report) -> None:
    for item in items:
        if item.value == ActionClass.TRANSACTIONAL:
            report.warn(
                item.node, Code.NO_EFFECT, "this gate never stops 'transactional': no effect"
            )
