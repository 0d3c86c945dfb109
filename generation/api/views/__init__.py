"""The routes of /api/v1/. What is a stranger's is 404 everywhere, since every query begins with its owner."""
