"""The parts of a customer's membership.

membership   its members: the first one, limits, the identity records
evidence     accepted links, and the components they make
apart        customers that must not be linked again
origin       former ids under which a store may still hold earlier states
"""
