"""A small topology, and the cases of test files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cjo_stream.testing.compare import Finding
from cjo_stream.testing.suite import Report, run_cases

TOPOLOGY = """\
topology: t
timezone: Europe/Berlin
channels:
  web: {in: {}}
  push: {out: {address: device}}
  email: {out: {address: email}}
identity:
  identifiers:
    - {type: user, limit: 1}
    - {type: email, normalise: email}
    - {type: device}
profile:
  facts: {tier: {type: string, default: basic}, since: time}
  traits: {carts: {count: cart_updated}, spent: {sum: event.total, on: order_placed}}
---
journey: cart
version: 1
entry: {on: cart_updated, key: event.cart_id, when: event.total >= 20}
data: {total: event.total}
goal: {on: order_placed, when: event.cart_id == key, within: 7d}
exit: {on: cart_emptied, when: event.cart_id == key, as: emptied}
initial: waiting
states:
  waiting:
    on:
      order_placed: {when: event.cart_id == key, to: bought}
      cart_updated: {when: event.cart_id == key, do: [{assign: {total: event.total}}]}
    after: {30m: reminded, 5d: lapsed}
  reminded:
    enter: [{act: {action: reminder, channels: [push, email]}}]
    after: {1d: {split: {half: {weight: 50, to: lapsed}, rest: {weight: 50, to: chosen}}}}
  chosen:
    enter: [{decide: {group: offers}}]
    always: [{when: profile.tier == 'gold', to: lapsed}]
  bought: {end: bought}
  lapsed: {end: lapsed}
---
journey: quiet
version: 1
status: shadow
entry: {on: order_placed}
initial: thanks
states: {thanks: {enter: [{act: thanks}], end: thanked}}
---
journey: stated
version: 1
entry: {on: [cjo.profile, cjo.consent]}
initial: only
states: {only: {end: stated}}
---
action: reminder
limits: [{outcome: reject, pause: 5d}]
treatments:
  push: {template: card, payload: {total: data.total}}
  email: {template: mail, payload: {total: data.total, tier: profile.tier}}
---
action: thanks
class: service
treatments: {email: {}}
---
action: dear
group: offers
value: 100
propensity: 0.0225
treatments: {email: {}}
---
action: cheap
group: offers
value: 10
propensity: 0.05
eligible: profile.carts > 0
treatments: {email: {}, push: {}}
---
policy: p
consent: {marketing: opt_in}
caps: [{name: two_a_day, class: marketing, max: 2, per: day}]
quiet_hours: {channel: push, from: "21:00", until: "08:00", then: delay}
"""

GIVEN = "given: {consent: {purpose: marketing, status: granted}}\n"
ADA = "{email: ada@example.com}"
CART = f"event: {{type: cart_updated, identifiers: {ADA}, attributes: {{cart_id: c1, total: 40}}}}"


def write(folder: Path, **files: str) -> Path:
    """Write the topology and test files, by their names without the ending."""
    (folder / "t.yaml").write_text(TOPOLOGY)
    for name, text in files.items():
        (folder / f"{name}.test.yaml").write_text(text)
    return folder


def case(*steps: str, head: str = GIVEN, name: str = "a case") -> str:
    """Return a document of one case."""
    listed = "".join(f"  - {step}\n" for step in steps)
    return f"test: {name}\nat: 2026-03-02T10:00:00Z\n{head}steps:\n{listed}"


def play(folder: Path, *steps: str, head: str = GIVEN, **options: Any) -> Report:
    """Play one case."""
    return run_cases(write(folder, one=case(*steps, head=head)), **options)


def unmet(report: Report) -> list[Finding]:
    """Return everything that differs."""
    return [one for result in report.failed for _, found, _ in result.failed for one in found]


def passes(folder: Path, *steps: str, head: str = GIVEN) -> bool:
    """Return whether a case passes."""
    return not unmet(play(folder, *steps, head=head))
