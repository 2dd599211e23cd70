"""`python -m fermiml`: the command, where it is not in the path."""

from fermiml.cli.main import main

if __name__ == "__main__":  # not in the processes that a run starts
    main()
