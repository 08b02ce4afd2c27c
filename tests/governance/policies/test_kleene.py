"""The tables are written out by hand from Kleene; the laws are checked over everything."""

from itertools import product

import pytest

from governance.policies.kleene import Truth, all_of, any_of, not_

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
EVERY = (T, F, U)

AND = {(T, T): T, (T, F): F, (T, U): U, (F, T): F, (F, F): F, (F, U): F, (U, T): U, (U, F): F, (U, U): U}
OR = {(T, T): T, (T, F): T, (T, U): T, (F, T): T, (F, F): F, (F, U): U, (U, T): T, (U, F): U, (U, U): U}


@pytest.mark.parametrize(("left", "right"), list(product(EVERY, EVERY)))
def test_two_values_combine_as_in_the_table(left: Truth, right: Truth) -> None:
    assert all_of([left, right]) is AND[left, right]
    assert any_of([left, right]) is OR[left, right]


def test_not_turns_true_and_false_around_and_leaves_unknown() -> None:
    assert [not_(value) for value in (T, F, U)] == [F, T, U]


@pytest.mark.parametrize("values", list(product(EVERY, repeat=3)))
def test_the_laws_hold_for_every_three_values(values: tuple[Truth, Truth, Truth]) -> None:
    a, b, c = values
    assert not_(not_(a)) is a
    assert not_(all_of([a, b])) is any_of([not_(a), not_(b)])
    assert not_(any_of([a, b])) is all_of([not_(a), not_(b)])
    assert all_of([a, b, c]) is all_of([c, b, a]) is all_of([a, all_of([b, c])])
    assert any_of([a, b, c]) is any_of([c, b, a]) is any_of([any_of([a, b]), c])
    assert all_of([a, any_of([b, c])]) is any_of([all_of([a, b]), all_of([a, c])])
    assert all_of([a, any_of([a, b])]) is a
    assert any_of([a, all_of([a, b])]) is a


def test_unknown_or_its_opposite_is_unknown_unlike_in_two_values() -> None:
    assert any_of([U, not_(U)]) is U
