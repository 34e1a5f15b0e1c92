"""What `deploy` holds: drawn files, and whether its settings, commands and manifests are true."""
