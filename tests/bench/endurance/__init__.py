"""What an installation on a broker is like after an hour, an overload, an outage."""
