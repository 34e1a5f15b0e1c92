"""Governance: what a change of definitions does, before it is in force.

    difference    two sets -> what differs in meaning, each with its place in the text
    owner         what each team may change
    codeowners    the same for a repository's reviews
    backtest/     two sets over the same events -> whose paths differ, and where first
    reach         a change elsewhere -> the journeys that it may concern
    plan          all of this for a candidate, the impact on customers, and the refusals
    sentence      a plan in words
    file          a plan in a file, with approvals
    permit        whether a person may apply a set

Nothing here changes an installation.
"""
