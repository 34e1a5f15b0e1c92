"""Definitions: from a folder of YAML files to a checked, compiled `core.program.Program`.

    text          bytes to nodes with their places (YAML, safely)
    grammar       the form of each kind of document, as tables for checks and JSON Schemas
    build         from the fields read by the tables to a Program: names, graphs, expressions
    section       documents by kind and name
    load          all of these in order
    meaning       what a document says, apart from how it is written
    content       a set as it is stored in the log
    refused       why a set may not follow another
    succession    a new set in place of one in force
    era           traits, facts and cases begin anew when their definition changes
    code          the codes of diagnostics
    case          cases of test files, checked against a program
    rule          the rules that a test can reach, with their places
    tracer        a program that notes which of them are reached
    advice        what can never come about, and which journeys compete
    schema        JSON Schemas for editors

Nothing here reads the log or runs a journey.
"""

from cjo_stream.definition.content import (
    Authorship,
    authorship,
    check_libraries,
    heed,
    library_differences,
)
from cjo_stream.definition.load import (
    DefinitionSet,
    compile_content,
    compile_stored,
    documents_of,
    load,
    reload,
    switched_off,
)
from cjo_stream.definition.refused import Refused
from cjo_stream.definition.schema import schema
from cjo_stream.definition.succession import compose, succeed

__all__ = [
    "Authorship",
    "DefinitionSet",
    "Refused",
    "authorship",
    "check_libraries",
    "compile_content",
    "compile_stored",
    "compose",
    "documents_of",
    "heed",
    "library_differences",
    "load",
    "reload",
    "schema",
    "succeed",
    "switched_off",
]
