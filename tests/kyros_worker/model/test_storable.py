from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.model.storable import shortened, storable
from kyros_worker.strict_json import text_fault

any_text = st.text(st.characters(codec=None, exclude_categories=[]))


@given(any_text)
def test_what_is_storable_has_no_fault_and_loses_nothing_else(text):
    kept = storable(text)
    assert text_fault(kept) is None
    assert kept == "".join(mark for mark in text if text_fault(mark) is None)


@given(any_text, st.integers(1, 50))
def test_a_shortened_text_says_that_it_was_cut(text, length):
    short = shortened(text, length)
    assert len(short) <= length
    assert short == text or (short[-1] == "…" and text.startswith(short[:-1]))
