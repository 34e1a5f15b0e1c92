"""What a customer's membership consists of.

membership   its members: the one it is born with, limits, the identity records
evidence     accepted links, and the components they make
apart        customers that must not be linked again
origin       former ids under which a store may still hold the customer
"""
