"""Governance: what a change of definitions does, before it is in force.

    difference    two sets -> what differs in meaning, each with its place in the text
    owner         what each team may change
    codeowners    the same for a repository's reviews
    backtest/     two sets over the same events -> whose paths differ, and where first

Nothing here changes an installation.
"""
