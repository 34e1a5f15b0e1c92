"""The pure core: what one message does to one actor.

`(state, message, turn) -> state`; messages, records and counts are collected on the turn. No
clock, no random, no I/O, no threads: time arrives in the turn. Here: events, messages, records,
compiled definitions (`program`), expressions, identity, profile, journeys, decisions, and
`customer`, the order of one event. Elsewhere: YAML (`definition`), logs and stores (`engine`).
"""
