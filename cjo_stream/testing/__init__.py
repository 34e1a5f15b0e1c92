"""What is shipped for the tests of others: the store contract, and drivers for topologies."""
