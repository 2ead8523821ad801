"""The customer's account. Each file declares the views of one subject; all are imported with the package."""

from importlib import import_module
from pkgutil import iter_modules

for file in iter_modules(__path__):
    import_module(f"{__name__}.{file.name}")
