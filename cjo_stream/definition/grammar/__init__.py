"""The form of each kind of document, as tables: one check, one JSON Schema, from the same rows."""
