"""A small inventory for intersphinx, made of a text file: ``role name address`` on each line."""  # noqa: INP001

import tempfile
import zlib
from pathlib import Path


def write_inventory(names: Path, project: str) -> Path:
    """Write the inventory of the names in a file, and return where it is.

    An address without a dot in it is a page of the library's reference, whose anchor is the name.
    """
    lines = []
    for line in names.read_text(encoding="utf-8").splitlines():
        role, name, page = line.split()
        lines.append(f"{name} py:{role} 1 library/{page}.html#$ -\n")
    head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: 3\n# The rest is compressed with zlib.\n"
    made = Path(tempfile.mkdtemp(prefix="progress-kit-docs-")) / "objects.inv"
    made.write_bytes(head.encode() + zlib.compress("".join(lines).encode()))
    return made
