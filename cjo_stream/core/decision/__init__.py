"""Which action, on which channel, or none: requests, gates, decisions.

    request      the order of one decision: judge, choose, record; send, or wait
    gate         the gates, in the order in which a candidate meets them
    situation    what is the same for all candidates of one decision, found out once
    quiet, holdout                what two of the gates ask
    arbitration, propensity       P x C x V x L, and the choice among what passed
    waiting      requests that wait for the end of quiet hours
    explain      a decision record in words

The history of commands, which caps and limits count, is in `core/command`.
"""
