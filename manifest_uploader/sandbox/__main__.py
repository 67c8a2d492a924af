"""Runs the sandbox alone: `python -m manifest_uploader.sandbox`."""

import sys

from manifest_uploader.sandbox import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
