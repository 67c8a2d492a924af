"use strict";
(() => {
  const SHOWN = 1000;
  const body = document.querySelector("#rows");
  const search = document.querySelector("#search");
  const choice = document.querySelector("#standing");
  const count = document.querySelector("#count");
  const more = document.querySelector("#more");
  const heads = [...document.querySelectorAll("thead th")];
  const compare = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;
  const text = (tr) => [...tr.cells]
    .flatMap((cell) => [...cell.childNodes].map((node) => node.textContent))
    .join(" ").toLowerCase();
  let rows = [...body.rows].map((tr, place) => ({
    tr, place, text: text(tr), standing: tr.dataset.s,
  }));
  let limit = SHOWN;

  const matches = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return rows.filter((row) =>
      (!choice.value || row.standing === choice.value) &&
      words.every((word) => row.text.includes(word)));
  };

  const show = () => {
    const found = matches();
    const kept = new Set(found.slice(0, limit));
    for (const row of rows) row.tr.hidden = !kept.has(row);
    count.textContent = found.length === rows.length
      ? `${rows.length} values` : `${found.length} of ${rows.length} values`;
    more.hidden = found.length <= limit;
    more.textContent = `Show all ${found.length}`;
  };

  const key = (row, column) => {
    const cell = row.tr.cells[column];
    return cell.dataset.k ?? (cell.firstElementChild ?? cell).textContent.trim();
  };

  const sort = (column, down) => {
    const keyed = rows.map((row) => [key(row, column), row]);
    keyed.sort(([a, one], [b, two]) => {
      // What is not known stands last, whichever way the rest is sorted.
      if (!a || !b) return (!a - !b) || one.place - two.place;
      return (down ? -compare(a, b) : compare(a, b)) || one.place - two.place;
    });
    rows = keyed.map(([, row]) => row);
    body.append(...rows.map((row) => row.tr));
  };

  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((one) => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sort(column, down);
      show();
    });
  });
  let later;
  search.addEventListener("input", () => {
    clearTimeout(later);
    later = setTimeout(() => { limit = SHOWN; show(); }, 120);
  });
  choice.addEventListener("change", () => { limit = SHOWN; show(); });
  more.addEventListener("click", () => { limit = Infinity; show(); });
  addEventListener("beforeprint", () => { limit = Infinity; show(); });
  document.querySelector(".tools").hidden = false;
  show();
})();
