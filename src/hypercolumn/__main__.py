"""`python -m hypercolumn` is the command line."""

from hypercolumn.cli import main

if __name__ == "__main__":
    main()
