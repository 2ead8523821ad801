// Passkeys (WebAuthn Level 3): the browser makes or uses one, and the form carries it.
(() => {
  "use strict";
  const MEMBERS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

  const decoded = (text) => {
    const padded = text.replaceAll("-", "+").replaceAll("_", "/");
    return Uint8Array.from(atob(padded), (letter) => letter.charCodeAt(0));
  };
  const encoded = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  // The JSON of the shop has base64url where the browser wants bytes.
  const read = (options) => {
    const known = (list) => (list || []).map((one) => ({ ...one, id: decoded(one.id) }));
    const made = { ...options, challenge: decoded(options.challenge) };
    if (options.user) made.user = { ...options.user, id: decoded(options.user.id) };
    if (options.excludeCredentials) made.excludeCredentials = known(options.excludeCredentials);
    if (options.allowCredentials) made.allowCredentials = known(options.allowCredentials);
    return made;
  };
  const write = (credential) => {
    const response = {};
    for (const name of MEMBERS) if (credential.response[name]) response[name] = encoded(credential.response[name]);
    return JSON.stringify({ id: credential.id, rawId: encoded(credential.rawId), type: credential.type, response });
  };

  const ask = async (form) => {
    if (form.dataset.passkey === "create") {
      return navigator.credentials.create({ publicKey: read(JSON.parse(form.dataset.options)) });
    }
    // Asked for when it is needed: it is valid for five minutes, and a sign-in page stays open for longer.
    const answer = await fetch("/v1/auth/passkeys/options", { method: "POST" });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return navigator.credentials.get({ publicKey: read((await answer.json()).public_key) });
  };

  const failed = document.querySelector("[data-passkey-failed]");
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!window.PublicKeyCredential) {
      document.querySelector("[data-passkey-unknown]").hidden = false;
      continue;
    }
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      const field = form.elements.credential;
      if (field.value) return;
      event.preventDefault();
      event.stopPropagation(); // it was not sent yet
      failed.hidden = true;
      try {
        field.value = write(await ask(form));
      } catch (error) {
        failed.hidden = false;
        return;
      }
      form.requestSubmit();
    });
  }
  addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("form[data-passkey] [name=credential]")) field.value = "";
  });
})();
