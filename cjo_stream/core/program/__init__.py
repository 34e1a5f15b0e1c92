"""A compiled definition set, which the core runs.

`definition` builds it; it is never changed afterwards.

    topology   channels, identifier types, facts, traits, cases
    journey    entry, states, transitions, timers, steps
    action     actions, their treatments, candidates
    policy     caps, limits, quiet hours, consent, holdout
    program    the set of all of them

Rules are in the order in which they are tried. Durations and times are in ms. A missing condition
(`when is None`) is true. Event types under `on` are frozensets; `*_on` indexes map an event type
to the definitions that listen for it, so that an event touches only those.
"""
