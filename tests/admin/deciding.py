"""How operators answer a dialog in tests: opened first, since it says what it has seen."""

import re
from html import unescape

WHY = "because the customer asked for it"


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of a dialog."""
    inputs = re.findall(r'<input type="hidden"[^>]*>', page)
    fields = {}
    for each in inputs:
        name, value = (re.search(rf'\b{attribute}="([^"]*)"', each) for attribute in ("name", "value"))
        if name and name[1] != "csrfmiddlewaretoken":
            fields[name[1]] = unescape(value[1]) if value else ""
    return fields


def typed(page: str) -> dict[str, str]:
    """Return all fields of a dialog as they stand in the page, which is what sending it again would send."""
    inputs = re.findall(r'<input type="(?:number|text|datetime-local)"[^>]*>', page)
    fields = {}
    for each in inputs:
        name, value = (re.search(rf'\b{attribute}="([^"]*)"', each) for attribute in ("name", "value"))
        fields[name[1]] = unescape(value[1]) if value else ""
    for name, value in re.findall(r'<textarea name="(\w+)"[^>]*>\n?([^<]*)</textarea>', page):
        fields[name] = unescape(value)
    return hidden(page) | fields


def opened(desk, address):
    """Open a dialog and return what it would send if nobody typed anything."""
    answer = desk.get(address)
    assert answer.status_code == 200
    return hidden(answer.content.decode())


def decide(desk, address, **says):
    """Open a dialog, type, and send it; without a reason of its own, with a good one."""
    return desk.post(address, opened(desk, address) | {"reason": WHY} | says, follow=True)


def said(answer):
    """Return the messages of the page that came back; none where the dialog stayed open."""
    return [str(message) for message in answer.context["messages"]] if answer.redirect_chain else []


def refused(answer):
    """Return what the dialog says is wrong, by field; {} where it was taken."""
    if answer.redirect_chain:
        return {}
    return {field: list(errors) for field, errors in answer.context["form"].errors.items()}
