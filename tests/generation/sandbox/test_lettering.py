import pytest

from generation.sandbox.lettering import drawable, fitted, font_of


@pytest.mark.parametrize(
    ("prompt", "drawn"),
    [
        ("A fox, 50% off: #1!", "A fox, 50% off: #1!"),
        ("Füchse in der Straße – naïve “cafés”…", "Fuchse in der Strasse - naive “cafes”…"),
        ("日本 🦊", "·· ·"),
        ("a\nb\x00c", "a b c"),
    ],
)
def test_a_prompt_is_drawn_in_letters_that_the_font_has(prompt: str, drawn: str) -> None:
    assert drawable(prompt) == drawn


def test_a_short_text_is_large_and_a_long_one_small() -> None:
    assert fitted("A fox", 1000, 500, 10) == (85, ["A fox"])
    size, lines = fitted("fox " * 150, 1000, 500, 10)
    assert size < 85
    assert len(lines) * size * 1.32 <= 500


def test_no_line_is_wider_than_the_picture() -> None:
    size, lines = fitted("x" * 300 + " fox" * 30, 400, 600, 10)
    assert max(font_of(size).getlength(line) for line in lines) <= 400


def test_what_fits_at_no_size_is_cut_off() -> None:
    _, lines = fitted("fox " * 5000, 300, 100, 10)
    assert len(lines) == 2
    assert lines[-1].endswith("...")


def test_nothing_fits_anywhere() -> None:
    assert fitted("", 300, 100, 10)[1] == []
