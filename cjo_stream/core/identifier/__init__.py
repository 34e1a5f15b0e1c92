"""An identifier: which customer the events anchored on it go to, and its links with others.

    arrival    its messages: events, answers to links, merges and unmerges of its customer
    hold       events that wait for their links, and the links that it asks for
    pointer    its customer, and when it leaves it

How customers become one, and part again, is in `core/identity`. Values are normalised and blocked
before (`ingest`).
"""
