"""The sandbox as a Starlette application: all its addresses on one page."""

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from .account import Account
from .envelope import RefusalError, on_http_error, on_refusal
from .life import go_on
from .options import SandboxOptions
from .routes import account, control, outputs, predictions, submit, uploads
from .routes.access import keyed, keyless


def create_app(options: SandboxOptions) -> Starlette:
    """Build a sandbox of its own; two at a time need two folders, or each takes up the other's predictions."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.account = played = Account(options)
        for prediction in played.running.values():
            played.start(go_on(played, prediction))
        yield
        await played.close()

    return _Sandbox(
        routes=_routes(),
        lifespan=lifespan,
        exception_handlers={RefusalError: on_refusal, HTTPException: on_http_error},
    )


class _Sandbox(Starlette):
    """Hands the connection to the routes, for those faults that break it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # uvicorn's `send` is a method of the object that holds the connection.
        scope["sandbox.transport"] = getattr(getattr(send, "__self__", None), "transport", None)
        await super().__call__(scope, receive, send)


def _routes() -> list[BaseRoute]:
    return [
        keyed("GET", "/api/v3/predictions/{prediction_id}/result", predictions.result),
        keyed("GET", "/api/v3/predictions/{prediction_id}", predictions.result),
        keyed("POST", "/api/v3/predictions", predictions.listing),
        keyed("POST", "/api/v3/predictions/delete", predictions.delete),
        keyed("GET", "/api/v3/models", account.models),
        keyed("POST", "/api/v3/model/price", account.price),
        keyed("POST", "/api/v3/model/pricing", account.old_price),
        keyed("GET", "/api/v3/balance", account.balance),
        keyed("POST", "/api/v3/billings/search", account.bills),
        keyed("GET", "/api/v3/webhook/secret", account.webhook_secret),
        keyed("POST", "/api/v3/media/uploads", uploads.ticket),
        keyed("POST", "/api/v3/{model_id:path}", submit.submit),
        keyless("PUT", "/uploads/{upload_id}", uploads.put),
        keyless("GET", "/uploads/{upload_id}/{filename:path}", uploads.get),
        keyless("GET", "/outputs/{key}.mp4", outputs.output),
        Route("/sandbox/stats", control.stats),
        Route("/sandbox/options", control.options, methods=["POST"]),
        Route("/sandbox/finish", control.finish, methods=["POST"]),
        Route("/sandbox/reset", control.reset, methods=["POST"]),
    ]
