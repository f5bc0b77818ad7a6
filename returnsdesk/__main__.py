"""`python -m returnsdesk`: the command line without its script."""

from returnsdesk.cli import main

main()
