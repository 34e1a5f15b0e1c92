"""From the fields that the grammar reads to a program: every check across several places."""
