"""The routes of the sandbox, one module a noun."""
