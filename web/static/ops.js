// The console: live parts can be paused, and do not change under the hands of who uses them.
(() => {
  "use strict";
  const pause = document.querySelector("[data-pause]");

  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.detail.elt;
    if (!part.hasAttribute("data-live")) return;
    const selected = getSelection();
    const reading = selected && !selected.isCollapsed && part.contains(selected.anchorNode);
    const paused = pause && pause.getAttribute("aria-pressed") === "true";
    if (paused || reading || document.hidden || part.contains(document.activeElement)) event.preventDefault();
  });

  if (pause) {
    pause.hidden = false;
    pause.addEventListener("click", () => {
      pause.setAttribute("aria-pressed", pause.getAttribute("aria-pressed") === "true" ? "false" : "true");
    });
  }

  // "/" leads to the search box.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.matches("input, textarea, select")) return;
    event.preventDefault();
    document.getElementById("q").focus();
  });
})();
