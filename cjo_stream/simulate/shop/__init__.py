"""The people of `topologies/shop`: who they are, what they do, what they like."""
