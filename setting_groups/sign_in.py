"""How users sign in."""

from pydantic import BaseModel, Field


class SignIn(BaseModel):
    """How users sign in."""

    staff_second_factor: bool = Field(
        False, description="permissions only in sessions that were opened with a second factor or a passkey"
    )
    geoip_database: str = Field(
        "",
        description="path of a GeoIP database in MaxMind's format (.mmdb), for the places of sign-ins; empty: none",
    )
