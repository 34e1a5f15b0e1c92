"""What is known of a customer, and how events change it.

    fact, trait, consent, case   by event time, not arrival
    activity      event ids seen before; how often, when and where a customer was seen
    identifier    the customer's values by type, and the address of a channel
    view          a customer as expressions see them
    publication   the profile as the outside sees it

Which identifiers a customer gets and loses is the identity room's.
"""
