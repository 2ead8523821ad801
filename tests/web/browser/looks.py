"""In which windows every page is looked at, and where pictures of it are put."""

import os

FOLDER = os.environ.get("SCREENSHOTS", "")
"""The folder for pictures; empty: none are taken."""
WIDTHS = (320, 800, 1400)
LOOKS = [(width, scheme) for width in WIDTHS for scheme in ("light", "dark")] + [(2000, "light")]
"""Width and colour scheme. Without pictures, only the narrow and the wide one: each scheme once."""
if not FOLDER:
    LOOKS = [(320, "light"), (1400, "dark")]
