"""`python -m phasegate.cli`: the same command, by the interpreter that runs already."""

from phasegate.cli import main

main()
