"""The exit codes of a process of an installation.

    code   meaning                                          reaction of `up`
    0      it was asked to end, but not by `up`             starts it again
    1      it has to begin anew                             starts it again, ever more slowly
    2      wrong arguments, or a wrong setting              ends all
    75     broker away, or slot held by another process     starts it again soon
    78     a person must mend something first               ends all, when it comes twice

Only `up` gets 75 and 78, because it asks for them; every other caller gets 1. Where `up` ends all,
it ends with that 2 or 78 itself: its own supervisor need not start it again. 75 and 78 are the
codes of sysexits.h for a temporary failure and for a wrong configuration. A refusal is believed
when it comes twice: a broker that has just come back may not know all of its topics yet.
"""

from __future__ import annotations

from typing import Final

from cjo_stream.errors import CjoError, Reaction
from cjo_stream.settings import is_supervised

USAGE: Final = 2
AWAY: Final = 75
REFUSED: Final = 78

_SUPERVISED: Final = {Reaction.RETRY: AWAY, Reaction.MEND: REFUSED}


def exit_code(error: CjoError) -> int:
    """Return the exit code of a process that ends by `error`."""
    if is_supervised():
        return _SUPERVISED.get(error.reaction, error.exit_code)
    return error.exit_code
