"""The people of `topologies/telco`: their identifiers, lives and preferences."""
