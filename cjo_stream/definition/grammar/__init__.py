"""The form of each kind of document, as tables from which check and JSON Schema are made."""
