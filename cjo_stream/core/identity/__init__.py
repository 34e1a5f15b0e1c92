"""Which identifiers make a customer: merges, unmerges, erasures, and what is on its way meanwhile.

    change       one change of a customer's membership at a time
    merge        how two customers become one
    unmerge      a link is taken back: what hung on it alone leaves with its state
    erasure      nothing of a person stays
    field        the table of a customer's fields: how each joins, parts, is erased, is bounded
    forward      what goes on to another customer
    absent       what comes for a customer that is not there
    refusal      an edge that is refused: the answer, and the record
    parcel       a whole customer's state, in pieces that fit the log
    member/      members, their links, customers that stay apart, former ids

The structs of incarnations, edges and members are in `core/edge`; identifiers are actors of their
own (`core/identifier`). The order of one event at its customer is in `core/customer`.
"""
