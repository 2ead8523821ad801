"""How users sign in."""

from pydantic import BaseModel, Field


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
    geoip_database: str = Field(
        "",
        description="path of a GeoIP database in MaxMind's format (.mmdb), for the places of sign-ins; empty: none",
    )
