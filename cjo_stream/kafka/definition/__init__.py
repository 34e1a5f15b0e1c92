"""Definition sets on their way to an installation.

log      the definition topic, followed
apply    numbers a set, stores it, activates it, points intake at it; which set runs where
tenant   the check of the tenant key

Only `cjo_stream.definition` knows the meaning of a set.
"""
