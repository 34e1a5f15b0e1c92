"""Who an event is about: identifiers, links between them, and the customers that they make.

    identifier   the identifier actor: asks for links, holds events, sends them to the customer
    edge         incarnations of identifiers, the links between them, members of a customer
    membership   the identifiers that a customer holds: limits, the address seen last
    merge        how two customers become one, and what waits meanwhile
    join         the two states become one; each room joins its own part
    unmerge      a link is taken back: what hung on it alone leaves with its state
    evidence     accepted links, and the components they make
    erasure      nothing of a person stays
    origin       whose stores may still hold what an erased customer was
    parcel       a whole customer's state, in pieces that fit the log

Normalising and blocking values is done before (`ingest`); the order of one event at its customer
is `core/customer`.
"""
