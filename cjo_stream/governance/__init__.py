"""Governance: the effect of a change of definitions, before it is in force.

    difference    two sets -> their differences in meaning, each with its place in the text
    owner         the parts that each team may change
    codeowners    the same for a repository's reviews
    backtest/     two sets over the same events -> customers whose paths differ, and where first
    reach         a change elsewhere -> the journeys that it may concern
    plan          all of this for a candidate, the impact on customers, and the refusals
    sentence      a plan in words
    file          a plan in a file, with approvals
    permit        whether a person may apply a set

Nothing here changes an installation.
"""
