"""The identifiers of a customer: merges, unmerges, erasures, and messages that meet them.

    change       one change of a customer's membership at a time
    merge        two customers become one
    unmerge      a link is taken back: identifiers connected only by it leave with their state
    erasure      a customer is erased
    field        the table of a customer's fields: how each joins, parts, is erased, is bounded
    forward      messages that are passed on to another customer
    absent       messages for a customer that was never met, or is erased
    refusal      a refused edge: the answer, and the record
    parcel       a customer's whole state, in pieces that fit the log
    member/      members, their links, customers that stay apart, former ids

The structs of incarnations, edges and members are in `core/edge`; identifiers are actors of their
own (`core/identifier`). The order in which a customer handles an event is in `core/customer`.
"""
