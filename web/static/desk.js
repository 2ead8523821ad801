// The desk: keys. All of it is a convenience: pages work without.
(() => {
  "use strict";
  let isGoing = false;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
    const section = isGoing && document.querySelector(`.sections a[data-key="${CSS.escape(event.key)}"]`);
    isGoing = event.key === "g";
    if (section) {
      section.click();
    } else if (event.key === "/" && document.getElementById("find")) {
      event.preventDefault();
      document.getElementById("find").focus();
    } else if (event.key === "?") {
      const keys = document.querySelector(".keys");
      keys.open = !keys.open;
      keys.querySelector("summary").focus();
    }
  });

  // One box ticks all of the list.
  for (const all of document.querySelectorAll("[data-ticks-all]")) {
    all.closest("[hidden]").hidden = false;
    all.addEventListener("change", () => {
      for (const box of document.querySelectorAll(`input[name="${CSS.escape(all.dataset.ticksAll)}"]`)) box.checked = all.checked;
    });
  }
})();
