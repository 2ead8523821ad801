"""A stand-in for js.stripe.com and api.stripe.com, over TLS, with the habits of Stripe.js.

Its script refuses what the real one refuses: a secret key, options that do not go together, a payment method that is
created before the fields were validated. The card is entered into a frame of js.stripe.com, which creates the payment
method at the sandbox gateway. Browsers are sent here by `--host-resolver-rules`.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOSTS = ("js.stripe.com", "api.stripe.com")
SCRIPT = """
window.Stripe = (key, {locale} = {}) => {
  if (!/^pk_(test|live)_/.test(key)) throw new Error("IntegrationError: invalid publishable key");
  const wanted = {mode: "payment", paymentMethodCreation: "manual"};
  let frame, validated = false, waiting = {};
  const handlers = {};
  addEventListener("message", ({origin, data}) => {
    if (origin !== "https://js.stripe.com") return;
    if (data.answer === "ready") handlers.ready && handlers.ready();
    else if (waiting[data.answer]) waiting[data.answer](data);
  });
  const ask = (what) => new Promise((resolve) => {
    waiting[what] = resolve;
    frame.contentWindow.postMessage({ask: what, key}, "https://js.stripe.com");
  });
  return {
    elements(options) {
      for (const [name, value] of Object.entries(wanted))
        if (options[name] !== value) throw new Error(`IntegrationError: ${name} must be ${value}`);
      if (!Number.isInteger(options.amount) || options.amount < 1) throw new Error("IntegrationError: amount");
      if (!/^[a-z]{3}$/.test(options.currency)) throw new Error("IntegrationError: currency must be lower case");
      return {
        create(kind) {
          if (kind !== "payment") throw new Error("IntegrationError: unknown element");
          return {
            on(event, handler) { handlers[event] = handler; },
            mount(place) {
              frame = document.createElement("iframe");
              frame.src = "https://js.stripe.com/v3/elements-inner-payment.html";
              frame.title = "Secure payment input frame";
              frame.style.setProperty("width", "100%");
              frame.style.setProperty("height", "180px");
              frame.style.setProperty("border", "0");
              place.append(frame);
            },
          };
        },
        async submit() {
          const {error} = await ask("validate");
          validated = !error;
          return error ? {error} : {};
        },
      };
    },
    async createPaymentMethod({elements}) {
      if (!validated) throw new Error("IntegrationError: elements.submit() must be called first");
      const {error, paymentMethod} = await ask("create");
      return error ? {error} : {paymentMethod};
    },
  };
};
"""
FRAME = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Card</title>
<label>Card number <input id="number" autocomplete="cc-number"></label>
<label>Expiration date <input id="expiry" placeholder="MM / YY"></label>
<label>Security code <input id="cvc"></label>
<script>
const value = (id) => document.getElementById(id).value.trim();
const answer = (data) => parent.postMessage(data, "*");
function validate() {
  for (const [id, name] of [["number", "card number"], ["expiry", "expiration date"], ["cvc", "security code"]])
    if (!value(id)) return {type: "validation_error", message: `Your ${name} is incomplete.`};
}
async function create(key) {
  const [month, year] = value("expiry").split("/");
  const form = new URLSearchParams({
    type: "card", "card[number]": value("number"), "card[cvc]": value("cvc"), "card[exp_month]": month.trim(),
    "card[exp_year]": year.trim(), key,
  });
  const found = await (await fetch("https://api.stripe.com/v1/payment_methods", {method: "POST", body: form})).json();
  return found.error ? {error: found.error} : {paymentMethod: found};
}
addEventListener("message", async ({data}) => {
  if (data.ask === "validate") answer({answer: "validate", error: validate()});
  if (data.ask === "create") answer({answer: "create", ...await create(data.key)});
});
answer({answer: "ready"});
</script></html>"""


class _Handler(BaseHTTPRequestHandler):
    gateway: str

    def do_GET(self) -> None:
        files = {
            "/clover/stripe.js": ("text/javascript", SCRIPT),
            "/v3/elements-inner-payment.html": ("text/html", FRAME),
        }
        kind, text = files.get(self.path, ("text/plain", ""))
        self._answer(200 if text else 404, kind, text.encode())

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        key = form.pop("key", [""])[0]
        answer = requests.post(
            f"{self.gateway}{self.path}", data=form, headers={"Authorization": f"Bearer {key}"}, timeout=10
        )
        self._answer(answer.status_code, "application/json", answer.content)

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Access-Control-Allow-Origin", "https://js.stripe.com")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Prints nothing."""


@contextmanager
def standing_in(folder: Path, gateway: str) -> Iterator[int]:
    """Serves both hosts while the block runs; yields the port. `gateway`: the URL of the sandbox gateway."""
    handler = type("Handler", (_Handler,), {"gateway": gateway})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(folder))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _certificate(folder: Path) -> Path:
    """A file with a new key and its certificate, which nobody but a test accepts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTS[0])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "stripe.pem"
    file.write_bytes(private + certificate.public_bytes(pem))
    return file
