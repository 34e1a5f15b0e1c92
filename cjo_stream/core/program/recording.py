"""Which kinds of records are made: all, unless `records` of the topology switches some off."""

from __future__ import annotations

import msgspec

from cjo_stream.core.word import Switch


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """Of each kind that can be switched off, whether it is recorded.

    What is not recorded happens all the same, under the same ids: whoever switches a kind on
    again finds no other decision.
    """

    transition: bool = True
    act: bool = True
    """Decisions of `act`."""
    decide: bool = True
    """Decisions of `decide`."""
    profile: bool = True
    reward: bool = True

    @property
    def switched(self) -> dict[str, str]:
        """The kinds that are not recorded in full, as `records` says it.

        >>> Recording(act=False, profile=False).switched
        {'decision': 'decide', 'profile': 'off'}
        """
        found: dict[str, str] = {}
        if not self.transition:
            found["transition"] = Switch.OFF.value
        if not self.act:
            found["decision"] = (Switch.DECIDE if self.decide else Switch.OFF).value
        for kind in ("profile", "reward"):
            if not getattr(self, kind):
                found[kind] = Switch.OFF.value
        return found
