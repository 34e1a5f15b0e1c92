"""A customer's profile, and its changes by events.

    fact, trait, consent, case   ordered by event time, not by arrival
    activity      event ids seen before; number, times and channel of events
    identifier    the customer's values by type, and the address for a channel
    view          the customer as expressions read it
    publication   the published profile

`core/identity` adds and removes the customer's identifiers.
"""
