"""What every route begins with: who asks, and whether a key is right."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from generation.sandbox.account import Account
from generation.sandbox.envelope import RefusalError

Endpoint = Callable[[Request], Awaitable[Response]]


def account_of(request: Request) -> Account:
    """Return the account that the sandbox plays."""
    account = request.app.state.account
    if not isinstance(account, Account):
        raise TypeError("the application has no account")
    return account


def origin_of(request: Request) -> str:
    """Return where the sandbox was reached, without a slash at the end."""
    return f"{request.url.scheme}://{request.url.netloc}"


def keyed(method: str, path: str, endpoint: Endpoint) -> Route:
    """Make a route of the API: counted, and closed to requests without a good key."""

    async def with_key(request: Request) -> Response:
        account = account_of(request)
        account.requests[f"{method} {path}"] += 1
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        wanted = account.options.api_key
        if scheme.lower() != "bearer" or not key.strip() or wanted not in {None, key.strip()}:
            raise RefusalError(401, "Unauthorized: invalid API key")
        return await endpoint(request)

    return Route(path, with_key, methods=[method])


def keyless(method: str, path: str, endpoint: Endpoint) -> Route:
    """Make a route whose address is the permission; a request that brings the API key leaks it: counted, refused."""

    async def without_key(request: Request) -> Response:
        account = account_of(request)
        account.requests[f"{method} {path}"] += 1
        if "authorization" in request.headers:
            account.leaked_keys += 1
            raise RefusalError(400, "Only one authentication mechanism is allowed: send no Authorization here")
        return await endpoint(request)

    return Route(path, without_key, methods=[method])
