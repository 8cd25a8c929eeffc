"""`python -m omptool`, the same as the console script."""

from omptool.cli.app import main

if __name__ == "__main__":
    main()
