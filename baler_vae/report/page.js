"use strict";
(() => {
  const table = document.getElementById("columns-table");
  const body = table.tBodies[0];
  const lines = Array.from(body.rows);

  const valueOf = (line, index) => {
    const cell = line.cells[index];
    if (index === 0) return cell.dataset.order;
    return cell.dataset.order === "" ? null : Number(cell.dataset.order);
  };
  const compare = (first, second) =>
    typeof first === "string" ? first.localeCompare(second, undefined, { numeric: true }) : first - second;

  const headings = Array.from(table.querySelectorAll("th[data-index]"));
  const sortBy = (heading) => {
    const index = Number(heading.dataset.index);
    // Names go up first; of numbers the largest are looked for.
    const first = index === 0 ? "ascending" : "descending";
    const other = index === 0 ? "descending" : "ascending";
    const order = heading.getAttribute("aria-sort") === first ? other : first;
    for (const one of headings) one.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const ordered = lines.map((line, place) => ({ line, place, value: valueOf(line, index) }));
    ordered.sort((a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null) || a.place - b.place;
      return sign * compare(a.value, b.value) || a.place - b.place;
    });
    body.append(...ordered.map((entry) => entry.line));
  };
  for (const heading of headings) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = heading.title;
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sortBy(heading));
  }

  const field = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const filter = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const line of lines) {
      line.hidden = !words.every((word) => line.dataset.words.includes(word));
      if (!line.hidden) count += 1;
    }
    shown.textContent = `${count} of ${lines.length} shown`;
  };
  field.addEventListener("input", filter);
  filter();

  const folded = Array.from(document.querySelectorAll("details"));
  const toggle = document.getElementById("toggle");
  if (toggle) {
    const sections = Array.from(document.querySelectorAll("#distributions details"));
    toggle.addEventListener("click", () => {
      const open = !sections.every((section) => section.open);
      for (const section of sections) section.open = open;
      toggle.textContent = open ? "Fold all" : "Open all";
    });
  }
  for (const tools of document.querySelectorAll(".tools")) tools.hidden = false;

  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = folded.filter((section) => !section.open);
    for (const section of opened) section.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const section of opened) section.open = false;
  });
})();
