"""The usage of a period: what was given, charged, set aside and left, by day and model, and the lines that prove it.

periods    which period is looked at, and how its days are said
notes      what its owner should know first: payment, the plan that follows, limits that run out
limits     a sum for each limit, and for each API key that has a cap
charged    what was charged, by day, model and API key, added up in the database
chart      the same as columns in percent
statement  a page of the ledger's lines
export     all of them as CSV
views      the page and the file
"""
