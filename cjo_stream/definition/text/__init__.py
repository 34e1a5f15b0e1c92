"""From a folder's bytes to nodes with their places. It knows YAML, but nothing of topologies."""
