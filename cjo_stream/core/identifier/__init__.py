"""An identifier: the customer of the events anchored on it, and its links with other identifiers.

    arrival    its messages: events, answers to links, merges and unmerges of its customer
    hold       events that wait for their links, and the links that it requests
    pointer    its customer, and when the identifier leaves it

Merges and unmerges of customers are in `core/identity`. `ingest` normalises and blocks values
before they come here.
"""
