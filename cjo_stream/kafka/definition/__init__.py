"""Definition sets on their way to an installation.

log      the definition topic, followed
apply    a set is numbered, stored, activated, and intake pointed at it; what runs where
tenant   whether the tenant key is the installation's

What a set means is `cjo_stream.definition`'s business.
"""
