"""A customer as operators and `customers.jsonl` see it."""

from __future__ import annotations

from cjo_stream.core.answer import CaseRow, ConsentRow, CustomerRow, InstanceRow, WaitingRow
from cjo_stream.core.expression import MISSING, Scope
from cjo_stream.core.learning.weight import ModelInForce
from cjo_stream.core.profile.fact import known_facts
from cjo_stream.core.profile.identifier import values_of
from cjo_stream.core.profile.view import View
from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Customer, Waiting


def snapshot(
    customer: Customer, program: Program, now: int, *, for_operators: bool = False
) -> CustomerRow:
    """Return a row of customers.jsonl; operators see also what is due, said and open."""
    view = View(customer, program, now)
    values = {name: view.get(name) for name in program.traits}
    rows = []
    for instance in customer.instances:
        if instance.state is not None:
            row = InstanceRow(
                journey=instance.journey,
                version=instance.version,
                instance_id=instance.id,
                key=instance.key,
                state=instance.state,
                holdout=instance.holdout,
            )
            if for_operators:
                row.timers = sorted(timer.due for timer in instance.timers)
            rows.append(row)
    found = CustomerRow(
        customer_id=customer.id,
        identifiers=values_of(customer),
        facts=known_facts(customer, program),
        traits={name: value for name, value in values.items() if value is not MISSING},
        events=customer.events,
        instances=rows,
    )
    if for_operators:
        found.consent = _consent_rows(customer)
        found.open_cases = _case_rows(customer, program)
        found.waiting = [waiting_row(one) for one in customer.waiting]
        found.absorbed = customer.aliases
    return found


def predictions_now(
    customer: Customer, program: Program, now: int, model: ModelInForce | None
) -> dict[str, float]:
    """Return the probability of each prediction, as expressions would read it now."""
    view = View(customer, program, now, model)
    scope = Scope(now, view)
    return {name: view.predicted(name, scope) for name in program.predictions}


def waiting_row(waiting: Waiting) -> WaitingRow:
    """Return a waiting request as operators see it."""
    return WaitingRow(
        waiting.asked, waiting.journey, waiting.instance_id, waiting.state, waiting.due
    )


def _consent_rows(customer: Customer) -> list[ConsentRow]:
    """Return the latest statements, each with the identifier that it came with."""
    rows = []
    for purpose, channels in sorted(customer.consent.items()):
        for channel, statement in sorted(channels.items()):
            member = customer.members.get(statement.anchor)
            by = None if member is None else f"{member.type}:{member.value}"
            rows.append(ConsentRow(purpose, channel, statement.status, statement.time, by))
    return rows


def _case_rows(customer: Customer, program: Program) -> list[CaseRow]:
    if customer.cases_era != program.cases_era:
        return []
    return [
        CaseRow(key, case.opened_at)
        for key, case in sorted(customer.cases.items())
        if case.is_open and case.opened_at is not None
    ]
