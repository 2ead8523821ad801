"""Generates the package `shopflow` from `rpc/protos`, for every way to build or install the shop. The rest of the
build is configured in pyproject.toml.

`python setup.py` alone only generates.
"""

import shutil
import sys
from pathlib import Path

import grpc_tools
from grpc_tools import protoc
from setuptools import setup

ROOT = Path(__file__).parent
PROTOS = ROOT / "rpc" / "protos"
PACKAGE = ROOT / "shopflow"


def generate() -> None:
    """Messages, their types, and stubs for clients. Raises SystemExit if a file is not valid."""
    shutil.rmtree(PACKAGE, ignore_errors=True)  # what is left of a file that is gone would still be installed
    files = sorted(str(file) for file in PROTOS.rglob("*.proto"))
    wellknown = Path(grpc_tools.__file__).parent / "_proto"
    out = [f"--{kind}_out={ROOT}" for kind in ("python", "pyi", "grpc_python")]
    if status := protoc.main(["protoc", f"-I{PROTOS}", f"-I{wellknown}", *out, *files]):
        raise SystemExit(status)
    for folder in (PACKAGE, *(path for path in PACKAGE.rglob("*") if path.is_dir())):
        (folder / "__init__.py").write_text('"""Generated from rpc/protos."""\n')


if PROTOS.exists():
    generate()
if len(sys.argv) > 1:
    setup()
