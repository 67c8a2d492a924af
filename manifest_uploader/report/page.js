"use strict";
(() => {
  const FIRST = 60;
  const MORE = 200;
  const PRINTED = 1000;
  const at = (id) => document.getElementById(id);
  const [table, search, choice, count, more, cut] =
    ["table", "search", "state", "count", "more", "cut"].map(at);
  const heads = [...table.querySelectorAll("th[data-key]")];
  const compare = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;
  const data = JSON.parse(at("data").textContent);
  const RANKS = ["failed", "deleted", "unconfirmed", "changed", "importing", "uploading", "new", "done"];

  // -- what the data says --

  const texts = (number) => data.texts[number];
  const readValue = ([socket, state, reason, remedy, sent = "", seen = "", holds = "", size = "",
    sha = "", image = "", files = "", picture = "", worker = ""]) => ({
    socket: texts(socket), state: texts(state), reason: texts(reason), remedy: texts(remedy),
    sent, seen, holds, size, sha, image, files, picture, worker: worker === "" ? "" : texts(worker),
  });
  const sum = (numbers) => numbers.length ? numbers.reduce((a, b) => a + b, 0) : "";
  const known = (values, ...keys) => values.flatMap((one) => keys.map((key) => one[key])).filter((one) => one !== "");
  const cases = data.cases.map(([name, title, order, item, page, state, reason, list], number) => {
    const values = list.map(readValue);
    const times = known(values, "sent", "seen");
    return {
      number, name, title: title === 1 ? name : title, order, item, state: texts(state),
      reason: texts(reason), values, page: texts(page).replace("*", () => item),
      size: sum(known(values, "size")), time: times.length ? Math.max(...times) : "",
    };
  });

  const sizeWords = (bytes) => {
    if (bytes === "") return "";
    if (bytes < 1024) return `${bytes} B`;
    const units = ["KiB", "MiB", "GiB", "TiB"];
    let unit = -1;
    do { bytes /= 1024; unit += 1; } while (bytes >= 1024 && unit < 3);
    return `${bytes.toFixed(1)} ${units[unit]}`;
  };
  const timeWords = (time) => time === "" ? ""
    : new Date((data.base + time + data.offset) * 1000).toISOString().slice(0, 19).replace("T", " ");
  const days = new Set(cases.map((one) => timeWords(one.time).slice(0, 10)).filter(Boolean));
  const shortTime = (time) => days.size > 1 ? timeWords(time).slice(0, 16) : timeWords(time).slice(11);
  const number = (count) => count.toLocaleString("en");
  const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
  const textOf = (one) => one.text ??= [
    one.name, one.title, one.item, data.words[one.state], one.reason,
    ...one.values.flatMap((value) => [
      value.socket, value.state, value.reason, value.holds, value.sha, value.image, value.worker,
      Array.isArray(value.files) ? value.files.flat().join(" ") : "",
    ]),
  ].join(" ").toLowerCase();

  // -- elements --

  const make = (tag, inside, name = "") => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    made.append(...[inside].flat(2).filter((one) => one !== "" && one !== null));
    return made;
  };
  const isolated = (words) => words === "" ? "" : make("bdi", words);
  const chip = (state, before = "") => {
    const made = make("span", before ? [isolated(before), make("i", ` ${state}`)] : data.words[state],
      `chip ${data.moods[state]}`);
    made.dataset.state = state;
    return made;
  };
  const link = (page, inside, name = "") => {
    const made = make("a", inside, name);
    made.href = page;
    made.rel = "noreferrer";
    return made;
  };
  const picture = (value) => {
    if (!value.picture) return "";
    const made = make("img", []);
    made.src = `data:image/webp;base64,${value.picture}`;
    made.alt = `${value.socket}: middle slice`;
    return made;
  };
  const term = (name, inside) => {
    const kept = [inside].flat(2).filter((one) => one !== "");
    return kept.length ? [make("dt", name), make("dd", kept)] : [];
  };

  const fileList = (value) => {
    if (!Array.isArray(value.files)) return isolated(value.holds);
    const left = value.files.filter((one) => typeof one === "number");
    const rows = value.files.filter((one) => typeof one !== "number").map(([name, size, sha]) =>
      make("li", [isolated(name), size === "" ? "" : ` ${sizeWords(size)}`, sha && make("code", sha)]));
    return make("ul", [...rows, ...left.map((one) => make("li", `and ${number(one)} more files`))], "files");
  };
  const valueDetail = (value) => make("div", [
    make("div", picture(value), "large"),
    make("div", [
      make("p", chip(value.state, value.socket)),
      value.reason && make("p", isolated(value.reason), data.moods[value.state]),
      value.remedy && make("p", isolated(value.remedy), "soft"),
      make("dl", [
        term(value.files === 1 ? "Value" : "Files", fileList(value)),
        term("Size", sizeWords(value.size)), term("SHA-256", value.sha && make("code", value.sha)),
        term("Image", value.image && make("code", value.image)),
        term("Sent", timeWords(value.sent)), term("Sent from", value.worker && isolated(value.worker)),
        term("Seen", timeWords(value.seen)),
      ]),
    ]),
  ], "value");
  const detail = (one) => {
    const cell = make("td", [
      make("dl", [
        term("Title", isolated(one.title)), term("Order", `${one.order}`),
        term("Item", one.item && [make("code", one.item), " ",
          one.page && link(one.page, data.noun, "out")]),
      ], "whole"),
      one.reason && make("p", isolated(one.reason), data.moods[one.state]),
      make("div", one.values.map(valueDetail), "values"),
    ]);
    cell.colSpan = 5;
    return make("tr", cell, "detail");
  };

  const toggle = (one, open = !one.open) => {
    one.open = open;
    one.button.setAttribute("aria-expanded", `${open}`);
    one.body.classList.toggle("open", open);
    if (open && !one.detail) one.body.append(one.detail = detail(one));
    if (one.detail) one.detail.hidden = !open;
  };
  const body = (one) => {
    if (one.body) return one.body;
    one.button = make("button", isolated(one.name), "name");
    one.button.type = "button";
    one.button.setAttribute("aria-expanded", "false");
    const row = make("tr", [
      make("td", [one.button, one.title !== one.name ? make("small", isolated(one.title)) : "",
        one.page ? link(one.page, data.noun, "out") : ""], "c"),
      make("td", chip(one.state), "s"),
      make("td", make("div", one.values.map((value) =>
        make("span", [picture(value), chip(value.state, value.socket)], "slot")), "slots")),
      make("td", sizeWords(one.size), "n"),
      make("td", shortTime(one.time), "n"),
    ], "head");
    row.addEventListener("click", (event) => {
      if (event.target.closest("a")) return;
      if (event.target.closest("button") || getSelection().isCollapsed) toggle(one);
    });
    one.body = make("tbody", row);
    one.body.id = `case-${one.number}`;
    return one.body;
  };

  // -- which cases are shown --

  let found = cases;
  let limit = FIRST;
  let order = null;
  const isLess = { name: compare, state: (a, b) => RANKS.indexOf(a) - RANKS.indexOf(b),
    size: (a, b) => a - b, time: (a, b) => a - b };
  const inOrder = (list) => order === null ? list : [...list].sort((one, two) => {
    const [a, b] = [one[order.key], two[order.key]];
    // What is not known stands last, whichever way the rest is sorted.
    if (a === "" || b === "") return (a === "") - (b === "") || one.number - two.number;
    return order.sign * isLess[order.key](a, b) || one.number - two.number;
  });
  const draw = () => {
    const there = table.tBodies.length;
    table.append(...found.slice(there, limit).map(body));
    more.hidden = found.length <= limit;
    more.textContent = `Show all ${number(found.length)} cases`;
  };
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = inOrder(cases.filter((one) => (!choice.value || one.state === choice.value) &&
      words.every((word) => textOf(one).includes(word))));
    [...table.tBodies].forEach((one) => one.remove());
    count.textContent = found.length === cases.length ? counted(cases.length, "case")
      : `${number(found.length)} of ${counted(cases.length, "case")}`;
    draw();
  };
  const grow = (by) => {
    limit += by;
    draw();
  };
  const goTo = (place) => {
    const one = cases[Number(/^#case-(\d+)$/.exec(place)?.[1] ?? -1)];
    if (!one) return;
    if (!found.includes(one)) {
      search.value = choice.value = "";
      show();
    }
    grow(Math.max(0, found.indexOf(one) + MORE - limit));
    toggle(one, true);
    one.body.scrollIntoView({ block: "center" });
    one.button.focus({ preventScroll: true });
  };

  heads.forEach((head) => {
    head.querySelector("button").addEventListener("click", () => {
      const was = head.getAttribute("aria-sort");
      heads.forEach((one) => one.removeAttribute("aria-sort"));
      const next = { null: "ascending", ascending: "descending" }[was];
      if (next) head.setAttribute("aria-sort", next);
      order = next ? { key: head.dataset.key, sign: next === "ascending" ? 1 : -1 } : null;
      show();
    });
  });
  let later;
  search.addEventListener("input", () => {
    clearTimeout(later);
    later = setTimeout(() => { limit = FIRST; show(); }, 120);
  });
  choice.addEventListener("change", () => { limit = FIRST; show(); });
  more.addEventListener("click", () => grow(found.length));
  new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting) && !more.hidden) grow(MORE);
  }, { rootMargin: "1500px" }).observe(more);
  addEventListener("hashchange", () => goTo(location.hash));
  document.querySelectorAll("a[href^='#case-']").forEach((one) => one.addEventListener("click", (event) => {
    event.preventDefault();
    goTo(one.getAttribute("href"));
  }));
  addEventListener("beforeprint", () => {
    grow(Math.max(0, PRINTED - limit));
    const left = found.length - table.tBodies.length;
    cut.hidden = left <= 0;
    cut.textContent = `${counted(left, "more case")} not printed. Search for those that you need, or make a table.`;
  });
  addEventListener("afterprint", () => { cut.hidden = true; });
  document.querySelector(".tools").hidden = false;
  table.hidden = false;
  show();
  goTo(location.hash);
})();
