"""Links between the operators' pages."""

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def link(address: str, text: str) -> SafeString:
    """Return a link."""
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', address, text)


def link_to(row: Model | None, text: str = "") -> SafeString | str:
    """Return a link to a row's page, by its own words or others; a dash for none."""
    if row is None:
        return "–"
    return link(page_of(row), text or str(row))


def page_of(row: Model) -> str:
    """Return the address of a row's page."""
    meta = row._meta  # noqa: SLF001 - public in Django, in spite of its name
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
