// Filters the list of operations, and sends addresses of former versions (/docs#/orders/place_order) on.
const [, tag] = /^#\/([a-z-]+)\/\w+$/.exec(location.hash) ?? [];
if (tag) location.replace(`/docs/${tag}${location.hash}`);

const input = document.getElementById("filter");
const shown = document.getElementById("shown");

function filter() {
  const words = input.value.toLowerCase().split(/\s+/);
  let count = 0;
  for (const section of document.querySelectorAll("section")) {
    let any = false;
    for (const row of section.querySelectorAll("li")) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      any ||= !row.hidden;
      count += !row.hidden;
    }
    section.hidden = !any;
  }
  shown.textContent = `${count} operations`;
}

input.addEventListener("input", filter);
input.form.addEventListener("submit", (event) => event.preventDefault());
input.form.hidden = false; // without scripts there is no filter
filter(); // a browser that goes back fills the field in again
