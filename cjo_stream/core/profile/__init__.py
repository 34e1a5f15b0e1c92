"""What is known of a customer, and how events change it.

    fact, trait, consent, case   by event time, not arrival
    sight         event ids seen before; how often, when and where a customer was seen
    outcome       an outcome finds its command; the history of commands is the decision room's
    view          a customer as expressions see them
    publication   the profile as the outside sees it

Which identifiers a customer holds is the room of identity's.
"""
