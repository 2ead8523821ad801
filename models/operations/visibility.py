"""Who sees which runs."""

from models.accounts import Principal


def may_see_run(principal: Principal, owner: str | None) -> bool:
    """Whether the principal may see a run: their own, or with `runs:read` any run. `owner` None: the shop's own run."""
    return owner == principal.user_id or "runs:read" in principal.permissions
