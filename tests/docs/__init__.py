"""Keeps `docs/` and README.md true.

    page       pages, their blocks, and the parts of them that are drawn
    drawn      the tables that are drawn: of the language, the output, an installation, sizes and
               commands, a module each
    word       one line of meaning for each word of a closed list, such as the gates
    example    runs the blocks of a page: files, commands, Python; draws what commands print

`python -m tests.docs` (`make docs`) writes what is drawn; `test_docs.py` fails where a page is not
what would be drawn, or where an example does not run.
"""
