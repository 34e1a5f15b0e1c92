"""Who may be sent what under caps: a topology, and its caps by nothing but arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

Sent = tuple[int, str]
"""When (ms), on which channel."""

TOPOLOGY = """
topology: capped
channels: {web: {in: {}}, mail: {out: {address: user}}, push: {out: {address: user}}}
identity: {identifiers: [{type: user, limit: 1}]}
---
journey: ask
version: 1
entry: {on: NEWS, reentry: always}
initial: asked
states: {asked: {enter: [{act: news}], end: done}}
---
journey: later
version: 1
entry: {on: NUDGE, reentry: always}
initial: waiting
states:
  waiting: {after: {WAITs: asked}}
  asked: {enter: [{act: nudge}], end: done}
---
action: news
treatments: {mail: {}}
---
action: nudge
treatments: {push: {}}
---
policy: contact
caps:
  - {max: MAIL_MAX, per: MAIL_PERs, channel: mail}
  - {max: ALL_MAX, per: ALL_PERs}
"""


@dataclass(frozen=True)
class Caps:
    """How often a customer may be written to; times in seconds."""

    news: str
    """The event type that asks for a mail."""
    nudge: str
    """The event type that asks for a push, `wait_s` later."""
    wait_s: int
    mail: tuple[int, int]
    """So many mails in so many seconds."""
    all: tuple[int, int]

    def write(self, folder: Path) -> Path:
        """Write the topology into a new folder; return it."""
        text = TOPOLOGY
        for name, value in (
            ("NEWS", self.news),
            ("NUDGE", self.nudge),
            ("WAIT", self.wait_s),
            ("MAIL_MAX", self.mail[0]),
            ("MAIL_PER", self.mail[1]),
            ("ALL_MAX", self.all[0]),
            ("ALL_PER", self.all[1]),
        ):
            text = text.replace(name, str(value))
        folder.mkdir()
        (folder / "topology.yaml").write_text(text)
        return folder

    def allowed(self, asked: list[Sent]) -> list[Sent]:
        """Return what of all that was asked for one customer, in order, may be sent."""
        sent: list[Sent] = []
        for at, channel in asked:
            mails = sum(at - self.mail[1] * 1000 < t and c == "mail" for t, c in sent)
            every = sum(at - self.all[1] * 1000 < t for t, _ in sent)
            if every < self.all[0] and (channel != "mail" or mails < self.mail[0]):
                sent.append((at, channel))
        return sent
