"""The operators' interface to an installation, the same on Kafka and in a folder.

    port            the questions: to an installation, and to its published records
    answer          the answers, as data
    customer_base   what moves from one installation to another, apart from the actors

`kafka` (an installation on a broker) and `embedded` (a state folder, the results of a run)
implement it.
"""
