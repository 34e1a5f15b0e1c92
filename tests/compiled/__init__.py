"""The compiled wheel (`hatch_build.py`) gives the same bytes as the source."""
