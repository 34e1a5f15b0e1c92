"""How a process of an installation ends, as its exit code tells it.

    code   what it means                                    what `up` does
    0      it was asked to end                              starts it again: not by `up`
    1      it has to begin anew                             starts it again, ever more slowly
    2      it is called wrongly, a setting is wrong         ends all
    75     the outside is away, or another has its slot     starts it again soon
    78     nothing helps but somebody who mends something   ends all, when it is said twice

75 and 78 are told to `up` alone, which asks for them; whoever else calls sees 1. They are the
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
