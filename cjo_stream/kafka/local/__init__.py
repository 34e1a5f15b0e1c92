"""A broker on this machine, and simulated people who use an installation: for trying it out."""
