// The desk: keys. All of it is a convenience: pages work without.
(() => {
  "use strict";
  let isGoing = false;

  document.addEventListener("keydown", (event) => {
    const types = event.target.matches("input:not([type=checkbox]), textarea, select");
    if (event.ctrlKey || event.metaKey || event.altKey || types) return;
    const section = isGoing && document.querySelector(`.sections a[data-key="${CSS.escape(event.key)}"]`);
    isGoing = event.key === "g";
    if (section) {
      section.click();
    } else if (event.key === "/" && document.getElementById("find")) {
      event.preventDefault();
      document.getElementById("find").focus();
    } else if (event.key === "j" || event.key === "k") {
      go(event.key === "j" ? 1 : -1);
    } else if (event.key === "x") {
      const box = document.activeElement.closest("tr")?.querySelector("input[type=checkbox]");
      if (box) box.checked = !box.checked;
    } else if (event.key === "?") {
      const keys = document.querySelector(".keys");
      keys.open = !keys.open;
      keys.querySelector("summary").focus();
    }
  });

  // The link of the next or the previous row gets the focus, so that Enter opens it.
  function go(step) {
    const links = [...document.querySelectorAll("main table.stack tbody th a:first-child")];
    const row = document.activeElement.closest("tr");
    const here = links.findIndex((link) => link.closest("tr") === row);
    links[here < 0 && step < 0 ? links.length - 1 : here + step]?.focus();
  }

  // On a narrow screen the sections scroll sideways: the present one is shown.
  for (const here of document.querySelectorAll(".sections [aria-current]")) {
    const row = here.closest(".sections");
    row.scrollLeft = here.offsetLeft - row.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
  }
})();
