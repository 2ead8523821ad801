"""`python -m sandbox.oidc`: the sandbox provider of OpenID Connect as a process."""

import logging

import click
from tornado.httpserver import HTTPServer

from sandbox import serving
from sandbox.oidc.server import application
from settings import settings

log = logging.getLogger("sandbox.oidc")
MAX_BODY = 1 << 20
SECRET = "sandbox"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, show_default=True, help="Port; 0 picks a free one.")
@click.option("--client-id", default="shop", show_default=True, help="The only client. Its secret is `sandbox`.")
def main(host: str, port: int, client_id: str) -> None:
    """A sandbox provider of OpenID Connect, in which everybody signs in as anybody. Refuses to start in production.

    POST /sandbox/rotate replaces its key. POST /sandbox/faults {"kind": "slow|500|huge|redirect|not_json", "path":
    "/jwks", "seconds": 1, "times": 1} lets requests go wrong; kinds such as "expired", "wrong_nonce", "hs256" or
    "clock" (with "seconds") spoil the next ID token. `shop up` does not start it. With it, start the API with
    SHOP_OIDC_PROVIDERS='[{"name": "sandbox", "title": "Sandbox ID", "issuer": "http://127.0.0.1:PORT", "client_id":
    "shop", "client_secret": "sandbox"}]'.
    """
    if settings.env == "production":
        raise SystemExit(
            "The sandbox provider of OpenID Connect asks for no password: it does not start in production."
        )

    async def serve() -> None:
        listener = serving.listen(host, port, "--port")
        issuer = serving.address(listener)
        server = HTTPServer(application(issuer, (client_id, SECRET)), max_body_size=MAX_BODY)
        server.add_socket(listener)
        log.info("sandbox provider of OpenID Connect on %s", issuer)
        try:
            await serving.until_signalled()
        finally:
            server.stop()
            await server.close_all_connections()

    serving.run(serve)


if __name__ == "__main__":
    main()
