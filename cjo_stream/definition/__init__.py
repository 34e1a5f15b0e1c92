"""Definitions: a folder of YAML to a checked, compiled `core.program.Program`.

    text      bytes to nodes that know their place (YAML, safely)
    grammar   the form of each kind of document, as tables that check and draw JSON Schemas
    build     from what the tables read to a Program: names, graphs, expressions
    kind      documents by kind and name        load     the way through all of it
    content   a set as it travels in the log    carry    a new set in place of one in force

Nothing here reads the log or runs a journey.
"""

from cjo_stream.definition.content import check_libraries, library_differences
from cjo_stream.definition.load import DefinitionSet, compile_content, compile_stored, load
from cjo_stream.definition.schema import schema
from cjo_stream.definition.succession import succeed

__all__ = [
    "DefinitionSet",
    "check_libraries",
    "compile_content",
    "compile_stored",
    "library_differences",
    "load",
    "schema",
    "succeed",
]
