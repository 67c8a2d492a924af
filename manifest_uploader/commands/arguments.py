"""The arguments of the commands beside a run; cheap to import, for every command reads them."""

from __future__ import annotations

import argparse
from typing import Final

SHELLS: Final = ("bash", "zsh", "fish", "powershell")
INSTALL: Final = {
    "bash": """echo 'eval "$(uploader completion bash)"' >> ~/.bashrc""",
    "zsh": """echo 'eval "$(uploader completion zsh)"' >> ~/.zshrc""",
    "fish": "echo 'uploader completion fish | source' >> ~/.config/fish/config.fish",
    "powershell": "Add-Content $PROFILE "
    "'uploader completion powershell | Out-String | Invoke-Expression'",
}


def add_report(sub: argparse.ArgumentParser) -> None:
    """The arguments of `report`."""
    sub.add_argument("manifest", metavar="MANIFEST", help="the YAML file with the cases")
    sub.add_argument("--state", metavar="FILE", help="default: NAME.state.jsonl beside NAME.yaml")
    sub.add_argument("--sandbox", action="store_true", help="of a run with --sandbox")
    sub.add_argument("--output", metavar="FILE", help="the page; default: NAME.report.html")
    sub.add_argument("--csv", metavar="FILE",
                     help="one row a value, for a spreadsheet; -: standard output")  # fmt: skip
    sub.add_argument("--json", metavar="FILE", help="the same rows as JSON")
    sub.add_argument("--quiet", action="store_true", help="say nothing of what was written")
    sub.add_argument("--log-file", metavar="FILE", help="write the details of a mistake there")


def add_completion(sub: argparse.ArgumentParser) -> None:
    """The arguments of `completion`."""
    sub.add_argument("shell", metavar="SHELL", choices=SHELLS,
                     help=", ".join(SHELLS))  # fmt: skip
    lines = [f"  {shell:<11} {how}" for shell, how in INSTALL.items()]
    sub.epilog = "one command installs it, for every new shell:\n" + "\n".join(lines)
    sub.formatter_class = argparse.RawDescriptionHelpFormatter
