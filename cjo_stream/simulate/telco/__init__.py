"""The people of `topologies/telco`: who they are, what happens to them, what they like."""
