"""Which action, on which channel, or none: requests, gates, decisions, commands.

    request      the order of one decision: judge, choose, record; send, or wait
    gate         the gates, in the order in which a candidate meets them
    situation    what is the same for all candidates of one decision, found out once
    cap, limit, quiet, holdout    what some gates ask; coverage is whom caps and limits are about
    arbitration, propensity       P x C x V x L, and the choice among what passed
    command      the history of commands that caps, limits and outcomes ask for
    waiting      requests that wait for the end of quiet hours
    explain      a decision record in words

Outcomes are joined to their commands in the profile's room (`core/command/outcome.py`).
"""
