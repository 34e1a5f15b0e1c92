"""Which action, on which channel, or none: requests, gates, decisions.

    request      the order of one decision: judge, choose, record; send, or wait
    gate         the gates, in the order in which they are checked
    situation    values shared by all candidates of one decision, each computed once
    quiet, holdout                the rules behind two of the gates
    arbitration, propensity       P x C x V x L, and the choice among the candidates that passed
    waiting      requests that wait for the end of quiet hours
    explain      a decision record in words

The history of commands, which caps and limits count, is in `core/command`.
"""
