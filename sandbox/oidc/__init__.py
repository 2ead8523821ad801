"""A sandbox of a provider of OpenID Connect, with the habits of real ones."""
