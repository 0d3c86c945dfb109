"""What is done once a day."""

from django.db import models


class Chore(models.Model):
    """A daily chore: when it is due, and what came of the last time."""

    class Result(models.TextChoices):
        FINE = "fine"  # there was nothing to find
        FOUND = "found"  # something for an operator
        FAILED = "failed"  # it could not be done

    name = models.CharField(max_length=30, primary_key=True)
    due_at = models.DateTimeField()
    handed_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was told; empty once it came.")
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=10, choices=Result, blank=True)
    report = models.TextField(blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name.replace("_", " ")
