"""Which action, on which channel, or none: requests, gates, decisions, commands."""
