"""The views of the layer, each a file of SQL (docs/insight.md)."""
