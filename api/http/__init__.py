"""The HTTP machinery that all resources share: authentication, errors, pagination, waiting."""
