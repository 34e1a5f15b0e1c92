"""Who an event is about: the identifier actor, and the identifiers a customer holds."""
