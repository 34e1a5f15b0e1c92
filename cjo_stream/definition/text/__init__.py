"""From a folder's bytes to nodes that know their place. Knows YAML, nothing of topologies."""
