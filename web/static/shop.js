// What pages do besides htmx. All of it is a convenience: they work without.
(() => {
  "use strict";

  // Links in mails carry the code after the #, so that it is in no log. It belongs into the form.
  const code = new URLSearchParams(location.hash.slice(1)).get("token");
  const field = document.querySelector("input[data-from-address]");
  if (code && field) {
    field.value = code;
    history.replaceState(null, "", location.pathname + location.search);
  }

  // A form is sent once, however often the button is pressed.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  });
  // The page may come back from the browser's memory, with "Back".
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
    }
  });

  // Choosing a language or a filter needs no button.
  document.addEventListener("change", (event) => {
    if (event.target.matches("select[data-sends]")) event.target.form.requestSubmit();
  });
  for (const button of document.querySelectorAll("[data-without-script]")) button.hidden = true;

  for (const button of document.querySelectorAll("[data-prints]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }

  // One box ticks all of the list.
  for (const all of document.querySelectorAll("[data-ticks-all]")) {
    all.closest("[hidden]").hidden = false;
    all.addEventListener("change", () => {
      for (const box of document.querySelectorAll(`input[name="${CSS.escape(all.dataset.ticksAll)}"]`)) box.checked = all.checked;
    });
  }

  // What is wrong with a form is read out, and can be corrected at once.
  const faulty = document.querySelector("[aria-invalid=true], .notice-alert[tabindex]");
  if (faulty) faulty.focus();
})();
