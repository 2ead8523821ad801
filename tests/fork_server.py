"""Preloaded by the fork server: it and its children end with pytest, even a killed one."""

from local.die_with_parent import die_with_parent

die_with_parent()
