"""What ``brim`` and ``python -m brim`` start. Nothing is imported that the answer does not need."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return the exit code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from brim._version import __version__

        sys.stdout.write(f"brim {__version__}\n")
        return 0
    from brim.cli.edge import guarded

    if not arguments:
        from brim.cli.opening import open_app

        return guarded(open_app)
    from brim.cli.commands import run

    return guarded(lambda: run(arguments))


if __name__ == "__main__":
    sys.exit(main())
