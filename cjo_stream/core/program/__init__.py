"""A compiled definition set: what the core runs.

Built by the `definition` room, never changed after.

    topology   channels, identifier types, facts, traits, cases
    journey    entry, states, transitions, timers, steps
    action     actions, their treatments, candidates
    policy     caps, limits, quiet hours, consent, holdout
    program    the set of all of them

Rules stand in the order in which they are tried. Durations and times are ms. A missing condition
(`when is None`) is true. Event types under `on` are frozensets; `*_on` indexes map an event type
to what listens for it, so that an event touches only what it can move.
"""
