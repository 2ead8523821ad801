"""An authenticator app in a test."""

import time
from typing import Any

import pyotp

STEP = 30  # seconds


class AuthenticatorApp:
    """The app after it has scanned a secret. Three codes are within the drift that the shop allows: those of the step
    before, of now, and of the step after."""

    def __init__(self, secret: str) -> None:
        self.totp = pyotp.TOTP(secret)
        self._shown = 0

    def code(self) -> str:
        """The earliest code that is valid, and later than the one before."""
        self._shown = max(self._shown + 1, _step() - 1)
        return self.totp.generate_otp(self._shown)

    def code_of(self, steps: int) -> str:
        """The code of so many steps from now."""
        return self.totp.generate_otp(_step() + steps)

    def wrong_code(self) -> str:
        shown = {self.code_of(steps) for steps in range(-3, 4)}
        return next(code for code in (f"{number:06}" for number in range(10)) if code not in shown)


def _step() -> int:
    """The current step, which does not end within the next four seconds."""
    left = STEP - time.time() % STEP
    if left < 4:
        time.sleep(left)
    return int(time.time()) // STEP


def enrol(caller: Any) -> tuple[AuthenticatorApp, list[str]]:
    """Enables a second factor for a user whose sign-in is fresh. Returns the app and the recovery codes."""
    made = caller.post("/v1/me/second-factor", json={})
    assert made.status_code == 201, made.json
    app = AuthenticatorApp(made.json["secret"])
    confirmed = caller.post("/v1/me/second-factor/confirm", json={"code": app.code()})
    assert confirmed.status_code == 200, confirmed.json
    return app, confirmed.json["recovery_codes"]
