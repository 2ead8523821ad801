"""Where Chromium is on this machine.

Debian's `chromium-headless-shell` opens a window in a tenth of the time; it shows no notifications.
"""

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
WHOLE_CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
CHROMIUM = shutil.which("chromium-headless-shell") or WHOLE_CHROMIUM
MISSING = "there is no Chromium on PATH; on Debian: apt-get install chromium chromium-headless-shell"
