"""Where Chromium is on this machine. Debian's `chromium-headless-shell` opens a window in a tenth of the time."""

import shutil

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
MISSING = "there is no Chromium on PATH; on Debian: apt-get install chromium-headless-shell"
