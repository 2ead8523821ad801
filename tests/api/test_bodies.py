"""The types of request bodies match the schemas that load them."""

from importlib import import_module
from pathlib import Path
from typing import Any, is_typeddict

import pytest
from marshmallow import Schema, missing

import api

MODULES = [import_module(f"api.{file.parent.name}.schemas") for file in Path(api.__path__[0]).glob("*/schemas.py")]
BODIES = {name: (made, vars(module)[name.removesuffix("Body")])
          for module in MODULES for name, made in vars(module).items() if is_typeddict(made)}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_a_body_type_has_the_fields_that_its_schema_loads(name: str) -> None:
    body: Any = BODIES[name][0]
    schema: type[Schema] = BODIES[name][1]
    loaded = {field.attribute or key: field for key, field in schema().load_fields.items()}
    always = {key for key, field in loaded.items() if field.required or field.load_default is not missing}
    assert (body.__required_keys__, body.__optional_keys__) == (always, loaded.keys() - always)
