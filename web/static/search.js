// The search box suggests products while one types: a combobox with a list (ARIA 1.2). Without this, it is a search box.
(() => {
  "use strict";

  const input = document.querySelector(".search input[type=search]");
  const panel = document.getElementById("suggestions");
  if (!input || !panel) return;

  // For browsers, a field of the type "search" cannot be a combobox.
  input.type = "text";
  input.enterKeyHint = "search";
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-haspopup": "listbox",
    "aria-controls": "suggestion-list",
  })) input.setAttribute(name, value);

  let active = -1;
  const options = () => [...panel.querySelectorAll("[role=option]")];

  function choose(place) {
    const found = options();
    active = place;
    for (const [at, option] of found.entries()) option.setAttribute("aria-selected", String(at === place));
    const option = found[place];
    if (!option) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({block: "nearest"});
  }

  function show(open) {
    choose(-1);
    panel.classList.toggle("open", open && panel.querySelector("a, p") !== null);
    input.setAttribute("aria-expanded", String(open && options().length > 0));
  }

  const isOpen = () => panel.classList.contains("open");

  // What arrives after the focus has left, or after the text was deleted, is not shown.
  panel.addEventListener("htmx:afterSwap", () => show(document.activeElement === input && input.value.trim() !== ""));
  input.addEventListener("focus", () => show(input.value.trim() !== ""));
  input.addEventListener("input", () => { if (!input.value.trim()) show(false); });
  input.form.addEventListener("focusout", (event) => { if (!input.form.contains(event.relatedTarget)) show(false); });

  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    const last = options().length - 1;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (last < 0) return;
      event.preventDefault();
      if (!isOpen()) show(true);
      // Beyond the ends is the text itself, from which it goes on at the other end.
      const step = event.key === "ArrowDown" ? 1 : -1;
      choose(active + step > last ? -1 : active + step < -1 ? last : active + step);
    } else if (event.key === "Escape" && (isOpen() || input.value)) {
      event.preventDefault();
      if (!isOpen()) input.value = "";
      show(false);
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      options()[active].click();
    } else if (event.key === "Tab") {
      show(false);
    }
  });
})();
