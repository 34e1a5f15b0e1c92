"""The pure core: what one message does to one actor.

`(state, message, turn) -> state`, with messages, records and counts left on the turn. No clock, no
random, no I/O, no threads; time arrives in the turn. What lives here: events, messages, records,
compiled definitions (`program`), expressions, identity, profile, journeys, decisions, and
`customer`, the order of one event. What does not: YAML (`definition`), logs and stores (`engine`).
"""
