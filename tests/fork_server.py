"""What the fork server imports first: it ends with pytest, even with one that is killed, and its children with it."""

from local.die_with_parent import die_with_parent

die_with_parent()
