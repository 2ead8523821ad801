// Scanning without leaving the page: what is typed while a scan is under way waits for its turn. Without this script,
// each scan is a form that leads back to the page.
(() => {
  "use strict";
  const form = document.querySelector("form[data-scan]");
  if (!form) return;
  const code = form.elements.code;
  const waiting = [];
  let isSending = false;

  // Each scan is a form of its own, so it has a token of its own: what is sent again counts once.
  const newToken = () => Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  const show = (page) => {
    for (const id of ["scan-said", "scan-lines"]) {
      document.getElementById(id).replaceChildren(...page.getElementById(id).childNodes);
    }
  };

  const fail = () => {
    const notice = document.createElement("div");
    notice.className = "notice notice-alert";
    notice.append(form.dataset.failed);
    document.getElementById("scan-said").replaceChildren(notice);
  };

  const send = async () => {
    if (isSending) return;
    isSending = true;
    while (waiting.length) {
      let answer, page;
      try {
        answer = await fetch(form.action, { method: "POST", body: waiting[0], headers: { Accept: "text/html" } });
        page = new DOMParser().parseFromString(await answer.text(), "text/html");
      } catch {
        fail();
        break;
      }
      if (answer.status === 429 || answer.status >= 500) {
        fail();
        break;
      }
      if (!page.getElementById("scan-lines")) {
        location.reload(); // such as a session that has ended
        return;
      }
      waiting.shift();
      show(page);
    }
    isSending = false;
  };

  const take = (event) => {
    event.preventDefault();
    event.stopPropagation(); // shop.js sends a form once; this one is sent for each scan
    const sent = new URLSearchParams(new FormData(event.target));
    sent.set("once", newToken());
    waiting.push(sent);
    send();
    code.focus();
  };

  form.addEventListener("submit", (event) => {
    take(event);
    code.value = "";
    form.elements.units.value = "1";
  });
  document.getElementById("scan-lines").addEventListener("submit", (event) => {
    if (event.target.matches("form[data-scan-back]")) take(event);
  });
})();
