"""The people of `topologies/shop`: their identifiers, actions and preferences."""
