"""The models beside what the API answers: no field is missing, none promises too much."""

import json
from typing import get_args

import pytest

from kyros import models
from tests.vectors import write_sdk_fields

#: Held true by tests/api/test_documentation.py.
FIELDS = json.loads(write_sdk_fields.FILE.read_text())
#: Python's own words, which no attribute can be called.
WORDS = {"from"}
NOT_ANSWERED = {"Agent", "AgentContext", "Model", "Tree"}


def test_every_model_is_compared():
    assert set(models.__all__) == {*FIELDS, *NOT_ANSWERED}


@pytest.mark.parametrize("name", FIELDS)
def test_a_model_has_the_fields_of_the_api(name):
    known = {
        field: type_
        for kind in getattr(models, name).__mro__
        for field, type_ in vars(kind).get("__annotations__", {}).items()
        if not field.startswith("_")
    }
    assert {*known} == {*FIELDS[name]} - WORDS
    may_be_none = {field for field, type_ in known.items() if type(None) in get_args(type_)}
    assert may_be_none == {field for field, lacks in FIELDS[name].items() if lacks}
