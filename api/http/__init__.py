"""HTTP features that all resources share: authentication, errors, pagination, waiting."""
