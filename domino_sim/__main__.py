"""``python -m domino_sim`` is the command line."""

from domino_sim.cli import main

if __name__ == "__main__":
    main()
