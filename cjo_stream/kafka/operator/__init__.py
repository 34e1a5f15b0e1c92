"""What operators ask of an installation: the adapter of `installation.port` for Kafka."""
