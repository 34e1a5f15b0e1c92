"""Journeys: state machines that events and time move.

`cascade` is the order of one event or timer; `instance` what one instance does: goals, exits,
transitions, steps, timers; `entry` how one opens, `history` what re-entry asks of the past; `step`
what steps do; `record` the transitions; `join` what becomes of two customers' instances.
"""
