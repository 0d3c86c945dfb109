"""What operators have answered, so that one question is not answered twice."""

from typing import ClassVar

from django.db import models


class Answer(models.Model):
    """An operator's answer to a dialog: one for each state in which its row was seen, in however many windows."""

    about = models.CharField(max_length=100, help_text="The row: its model and key.")
    seen = models.CharField(max_length=50, help_text="The state in which the dialog was opened.")
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["about", "seen"], name="answer_is_given_once"),
        ]

    def __str__(self) -> str:
        return f"{self.about}, {self.seen}"
