import pytest

from generation.sandbox import faults
from generation.sandbox.faults import KINDS, Stage, Tally, UnknownFaultError, parse, wished


def test_every_fault_is_documented() -> None:
    words = set((faults.__doc__ or "").replace(",", " ").split())
    assert [name for name in KINDS if name not in words] == []


def test_a_normal_prompt_wishes_no_fault() -> None:
    assert wished("It failed, slowly [really], fault:failed, [fault: failed] (fault:failed) timeout 500") == ()


def test_a_prompt_may_wish_for_several_faults() -> None:
    slow, cut = wished("A fox [fault:slow=2.5] in the snow [fault:cut*3]")
    assert (slow.name, slow.stage, slow.value, slow.times) == ("slow", Stage.LIFE, 2.5, None)
    assert (cut.name, cut.stage, cut.value, cut.times) == ("cut", Stage.OUTPUT, None, 3)


@pytest.mark.parametrize("words", ["", "nonsense", "failed=", "failed*", "failed=x", "failed*-1", "failed failed"])
def test_unknown_words_are_an_error(words: str) -> None:
    with pytest.raises(UnknownFaultError):
        parse(words)


def test_a_counted_fault_stops_for_its_scope_alone() -> None:
    tally, wish = Tally(), [parse("refused*2")]
    happened = [tally.next(wish, Stage.BEFORE, "A fox") for _ in range(3)]
    assert [fault is not None for fault in happened] == [True, True, False]
    assert tally.next(wish, Stage.BEFORE, "A cat") is not None
    assert tally.next(wish, Stage.OUTPUT, "A dog") is None
    tally.clear()
    assert tally.next(wish, Stage.BEFORE, "A fox") is not None


def test_faults_of_one_stage_happen_one_after_the_other() -> None:
    tally, wish = Tally(), wished("[fault:refused*1][fault:500_before*1]")
    happened = [tally.next(wish, Stage.BEFORE, "A fox") for _ in range(3)]
    assert [fault and fault.name for fault in happened] == ["refused", "500_before", None]
