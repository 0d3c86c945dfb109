"""What is done once a day, and what one worker at a time does whenever there is cause."""

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
    lease_until = models.DateTimeField(null=True, blank=True, help_text="Renewed while somebody is at it.")
    deaths = models.PositiveSmallIntegerField(default=0, help_text="In a row, of those who were at it.")
    ended_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=10, choices=Result, blank=True)
    report = models.TextField(blank=True)
    found = models.TextField(
        blank=True, help_text="The last report of something found; empty once all was looked at and nothing found."
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name.replace("_", " ")


class Errand(models.Model):
    """Something that one worker at a time does: whether one is told of it, or at it."""

    name = models.CharField(max_length=30, primary_key=True)
    handed_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was told; empty once it came.")
    taken_at = models.DateTimeField(null=True, blank=True, help_text="When whoever is at it came.")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="Until then nobody else is told.")

    def __str__(self) -> str:
        return self.name.replace("_", " ")
