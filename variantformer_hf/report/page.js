"use strict";
// Nothing of a page is made here: what there is is sorted, filtered, and said where the pointer is.
const number = text => text === "" ? NaN : Number(text.replaceAll(",", ""));
function compare(one, other) {
  const [a, b] = [number(one), number(other)];
  if (Number.isNaN(a) && Number.isNaN(b)) return one.localeCompare(other);
  return Number.isNaN(a) ? Infinity : Number.isNaN(b) ? -Infinity : a - b;
}
for (const table of document.querySelectorAll("table.rows")) {
  const body = table.tBodies[0];
  table.querySelectorAll("th").forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const order = head.ariaSort === "ascending" ? "descending" : "ascending";
      const sign = order === "ascending" ? 1 : -1;
      for (const each of table.querySelectorAll("th")) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
      const rows = [...body.rows].map(row => [row.cells[column].textContent, row]);
      rows.sort(([a], [b]) => { const found = compare(a, b); return Math.abs(found) === Infinity ? found : sign * found; });
      body.append(...rows.map(([, row]) => row));
    });
  });
  const filter = document.createElement("input");
  filter.type = "search";
  filter.className = "filter";
  filter.placeholder = "filter rows";
  filter.setAttribute("aria-label", "filter the rows of: " + table.caption.textContent);
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
  table.parentElement.before(filter);
}
const tip = document.createElement("div");
tip.id = "tip";
tip.hidden = true;
document.body.append(tip);
let title = null, owner = null;
document.addEventListener("mouseover", event => {
  if (owner) owner.prepend(title);  // a browser would show it too, a second later
  title = event.target.querySelector?.(":scope > title") ?? null;
  owner = title && event.target.closest("svg") ? event.target : null;
  tip.hidden = !owner;
  if (owner) { tip.textContent = title.textContent; title.remove(); }
});
document.addEventListener("mousemove", event => {
  if (tip.hidden) return;
  tip.style.left = Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8) + "px";
});
