// Sorting by a head, and columns and p-values on request.

// Where closer to the reference is better, the first click brings the closest to the top.
const ORDERS = {
  reference: ["other", "ascending", "descending", "none"],
  high: ["descending", "ascending", "none"],
  low: ["ascending", "descending", "none"],
};

function sortable(table) {
  const body = table.tBodies[0];
  const given = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    find("button", head)?.addEventListener("click", () => {
      const orders = ORDERS[head.dataset.better];
      const next = orders[(orders.indexOf(head.getAttribute("aria-sort")) + 1) % orders.length];
      for (const other of heads) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", next);
      body.append(...ordered(given, column, next));
    });
  });
}

function ordered(rows, column, order) {
  if (order === "none") return rows;
  const sign = order === "descending" ? -1 : 1;
  const key = order === "other" ? "loss" : "order";
  const value = (row) => number(row.cells[column].dataset[key]);
  return rows.toSorted((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y); // those without a value come last
    return x === y ? 0 : x < y ? -sign : sign;
  });
}

/** Python's spelling of a float. */
function number(text) {
  return text === "" ? NaN : Number(text.replace("inf", "Infinity"));
}

findAll("table.sortable").forEach(sortable);
for (const button of findAll("[data-toggle]")) {
  const table = find(`#${button.parentElement.dataset.for}`);
  button.addEventListener("click", () => {
    const on = table.classList.toggle(button.dataset.toggle);
    button.setAttribute("aria-pressed", on);
  });
}
