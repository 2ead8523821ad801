"""How users sign in."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class OidcProvider(BaseModel):
    """A provider of OpenID Connect. `name`: in URLs; `title`: for people. Without a secret, it is a public client."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern="^[a-z][a-z0-9_-]{1,63}$")
    title: str = Field(min_length=1, max_length=100)
    issuer: str = Field(pattern=r"^https?://\S+$", max_length=255)
    client_id: str = Field(min_length=1, max_length=255)
    client_secret: SecretStr = SecretStr("")


class SignIn(BaseModel):
    """How users sign in."""

    staff_second_factor: bool = Field(
        False, description="permissions only in sessions that were opened with a second factor or a passkey"
    )
    webauthn_rp_id: str = Field(
        "",
        pattern=r"^([a-z0-9-]+(\.[a-z0-9-]+)*)?$",
        description="domain of passkeys; changing it makes them all unusable; empty: the host of public_url",
    )
    webauthn_origins: str = Field(
        "",
        pattern=r"^(https?://[^\s/]+( https?://[^\s/]+)*)?$",
        description="origins of pages that use passkeys, such as https://shop.example, separated by spaces; empty: "
        "that of public_url",
    )
    oidc_providers: tuple[OidcProvider, ...] = Field(
        (),
        description='providers of OpenID Connect as JSON: [{"name": "example", "title": "Example ID", '
        '"issuer": "https://id.example", "client_id": "…", "client_secret": "…"}]',
    )
    oidc_return_urls: str = Field(
        "",
        pattern=r"^(https?://\S+( https?://\S+)*)?$",
        description="pages to which providers of OpenID Connect return, separated by spaces, the default first; empty: "
        "/signed-in of public_url",
    )
    oidc_timeout: float = Field(5.0, gt=0, description="seconds to wait for a response of a provider of OpenID Connect")
    geoip_database: str = Field(
        "",
        description="path of a GeoIP database in MaxMind's format (.mmdb), for the places of sign-ins; empty: none",
    )
