"use strict";
(() => {
  const SHOWN = 1000;
  const MOODS = { confirmed: "good", failed: "bad", gone: "bad", unsure: "bad" };
  const body = document.querySelector("#rows");
  const search = document.querySelector("#search");
  const choice = document.querySelector("#standing");
  const count = document.querySelector("#count");
  const more = document.querySelector("#more");
  const heads = [...document.querySelectorAll("#table th")];
  const compare = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;

  const sizeWords = (bytes) => {
    if (bytes === "") return "";
    if (bytes < 1024) return `${bytes} B`;
    const units = ["KiB", "MiB", "GiB", "TiB"];
    let unit = -1;
    do { bytes /= 1024; unit += 1; } while (bytes >= 1024 && unit < 3);
    return `${bytes.toFixed(1)} ${units[unit]}`;
  };

  const data = JSON.parse(document.querySelector("#data").textContent);
  const timeWords = (time) => time === "" ? ""
    : new Date((data.base + time + data.offset) * 1000).toISOString().slice(0, 19).replace("T", "\n");
  const cases = data.cases.map(([name, title, order, item, page]) => ({
    name, title: title === 1 ? name : title, order, item,
    page: data.texts[page].replace("*", () => item),
  }));
  const rows = data.rows.map((
    [at, socket, standing, words, sent = "", confirmed = "", holds = "", size = "", sha = "",
      image = ""], place,
  ) => ({
    ...cases[at], place, socket: data.texts[socket], standing: data.texts[standing],
    words: data.texts[words], sent, confirmed, holds, size, sha, image,
  }));
  const KEYS = ["name", "title", "order", "socket", "holds", "size", "sent", "confirmed", "standing"];
  let limit = SHOWN;

  const text = (row) => row.text ??= [
    row.name, row.item, row.title, row.order, row.socket, row.holds, row.sha && `SHA-256 ${row.sha}`,
    row.image && `image ${row.image}`, sizeWords(row.size), timeWords(row.sent),
    timeWords(row.confirmed), row.standing, row.words,
  ].join(" ").toLowerCase();

  const make = (tag, inside, name = "") => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    made.append(...[inside].flat().filter((one) => one !== ""));
    return made;
  };
  const isolated = (words) => words === "" ? "" : make("bdi", words);
  const small = (inside) => inside === "" ? "" : make("small", inside);
  const linked = (row) => {
    if (!row.page) return isolated(row.name);
    const link = make("a", isolated(row.name));
    link.href = row.page;
    link.rel = "noreferrer";
    return link;
  };
  const line = (row) => row.tr ??= make("tr", [
    make("td", [linked(row), small(row.item)], "c"),
    make("td", isolated(row.title)),
    make("td", `${row.order}`, "n"),
    make("td", isolated(row.socket), "s"),
    make("td", [isolated(row.holds), small(row.sha && `SHA-256 ${row.sha}`),
      small(row.image && `image ${row.image}`)], "h"),
    make("td", sizeWords(row.size), "n"),
    make("td", timeWords(row.sent), "t"),
    make("td", timeWords(row.confirmed), "t"),
    make("td", [make("span", row.standing, MOODS[row.standing] ?? "wait"),
      small(isolated(row.words))]),
  ]);

  const matches = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return rows.filter((row) =>
      (!choice.value || row.standing === choice.value) &&
      words.every((word) => text(row).includes(word)));
  };

  const show = () => {
    const found = matches();
    body.replaceChildren(...found.slice(0, limit).map(line));
    count.textContent = found.length === rows.length
      ? `${rows.length} values` : `${found.length} of ${rows.length} values`;
    more.hidden = found.length <= limit;
    more.textContent = `Show all ${found.length}`;
  };

  const order = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : compare(a, b);
  const sort = (column, down) => {
    const key = KEYS[column];
    rows.sort((one, two) => {
      const [a, b] = [one[key], two[key]];
      // What is not known stands last, whichever way the rest is sorted.
      if (a === "" || b === "") return (a === "") - (b === "") || one.place - two.place;
      return (down ? -order(a, b) : order(a, b)) || one.place - two.place;
    });
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
  document.querySelector("#table").hidden = false;
  show();
})();
