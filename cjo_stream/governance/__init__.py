"""Governance: what a change of definitions does, before it is in force.

    difference    two sets -> what differs in meaning, each with its place in the text
    owner         what each team may change
    codeowners    the same for a repository's reviews
    backtest/     two sets over the same events -> whose paths differ, and where first
    people        what becomes of live instances
    reach         which journeys a change may concern that stands elsewhere
    plan          all of this for a candidate, with what is refused
    sentence      a plan in words
    file          a plan in a file, with approvals
    permit        whether who applies a set may

Nothing here changes an installation.
"""
