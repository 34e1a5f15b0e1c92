"""One run on several cores: the same bytes as on one, because customers who never meet are apart.

All that an event causes happens to identifiers and customers that were seen together, directly or
through others. So a run reads all its events first, and finds these groups. Each group belongs to
one *share*, and each share to a process, which runs the engine over its own events in order:

    component    which identifiers are of one group, and which group is of which share
    spool        all events in order, on disk between the two passes
    decoding     records decoded by the shares, in turn
    share        the engine over one share, in a process of its own
    wire         what the run asks of the shares, and what they tell
    crew         the processes: their start, what is said, their end
    runtime      the run: reads, asks the shares round by round, and writes

Time is the same everywhere: an event carries the clock of all events before it. The shares tell
cascades, each with its place in the run; the run sorts the cascades of a round and writes them. A
round ends for all shares at one place. At a full hour it ends, too, where something learns: the
run learns from all rewards, and the model comes into force in every share.
"""

from cjo_stream.embedded.cores.installation import can_share, open_on_cores

__all__ = ["can_share", "open_on_cores"]
