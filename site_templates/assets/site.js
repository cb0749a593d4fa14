/* What pages gain with JavaScript: times in the reader's zone, tables that sort and filter, keys. Without it every page says the same. */
(() => {
  "use strict";
  const LONG = 12; // rows from which a table gets a field to filter it

  const make = (name, attributes = {}, ...inside) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...inside);
    return element;
  };

  // --- times ---------------------------------------------------------------------------------------------------------

  const times = () => {
    const two = (number) => String(number).padStart(2, "0");
    const day = (moment) => `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
    const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
    for (const element of document.querySelectorAll(".page time[datetime]")) {
      const moment = new Date(element.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      element.title = `${exact.format(moment)} (${element.dateTime})`;
      element.textContent = `${day(moment)} ${two(moment.getHours())}:${two(moment.getMinutes())}`;
    }
  };

  // --- tables --------------------------------------------------------------------------------------------------------

  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  const valueOf = (cell) => {
    if (!cell) return "";
    if (cell.dataset.v !== undefined) return cell.dataset.v === "" ? "" : Number(cell.dataset.v);
    const time = cell.querySelector("time[datetime]");
    if (time) return new Date(time.dateTime).getTime();
    const text = cell.textContent.trim();
    if (text === "unknown") return "";
    const number = /^\$?(-?[\d,]*\.?\d+)/.exec(text);
    return cell.classList.contains("number") && number ? Number(number[1].replaceAll(",", "")) : text;
  };

  /* What is unknown stands last, whichever way the rest goes. */
  const compare = (a, b, way) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return way * (typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b)));
  };

  const sortable = (table) => {
    const heads = table.tHead?.rows.length === 1 ? [...table.tHead.rows[0].cells] : [];
    const body = table.tBodies[0];
    if (table.tBodies.length !== 1 || body.rows.length < 4 || heads.some((cell) => cell.colSpan > 1)) return;
    const original = [...body.rows];
    for (const [column, head] of heads.entries()) {
      if (!head.textContent.trim()) continue;
      const button = make("button", { type: "button", class: "sort" }, ...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const first = head.classList.contains("number") ? "descending" : "ascending";
        const next = now === "none" ? first : now === first ? (first === "ascending" ? "descending" : "ascending") : "none";
        for (const other of heads) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", next);
        const way = next === "descending" ? -1 : 1;
        const keyed = original.map((row) => [valueOf(row.cells[column]), row]);
        if (next !== "none") keyed.sort(([a], [b]) => compare(a, b, way));
        body.append(...keyed.map(([, row]) => row));
      });
    }
  };

  const filterable = (table) => {
    const groups = table.tBodies.length > 1;
    const units = groups ? [...table.tBodies] : [...(table.tBodies[0]?.rows ?? [])];
    const count = [...table.tBodies].reduce((sum, body) => sum + body.rows.length, 0);
    if (count < LONG || units.length < 2) return;
    const words = units.map((unit) => unit.textContent.toLowerCase());
    const field = make("input", { type: "search", autocomplete: "off", spellcheck: "false" });
    const said = make("output");
    const what = table.dataset.rows ?? "rows";
    const box = make("p", { class: "filter" }, make("label", {}, `Filter ${what} `, field), " ", said);
    (table.closest(".wide") ?? table).before(box);
    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      for (const [index, unit] of units.entries()) {
        unit.hidden = !wanted.every((word) => words[index].includes(word));
        left += !unit.hidden;
      }
      said.textContent = wanted.length ? `${left} of ${units.length}` : "";
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      field.value = "";
      field.dispatchEvent(new Event("input"));
    });
  };

  /* What scrolls sideways can be reached with the keyboard, and only that. */
  const scrollable = () => {
    const SCROLLING = ".md-content :is(.wide, .md-typeset__scrollwrap, pre > code)";
    const look = (element) => {
      const scrolls = element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1;
      if (scrolls) element.tabIndex = 0;
      else element.removeAttribute("tabindex");
    };
    const watch = new ResizeObserver((entries) => entries.forEach((entry) => look(entry.target)));
    const known = new WeakSet();
    const find = () => {
      for (const element of document.querySelectorAll(SCROLLING)) if (!known.has(element)) known.add(element), watch.observe(element);
    };
    find();
    for (const content of document.querySelectorAll(".md-content")) new MutationObserver(find).observe(content, { childList: true, subtree: true });
  };

  // --- details -------------------------------------------------------------------------------------------------------

  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target && target.parentElement; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  };

  const printing = () => {
    let opened = [];
    addEventListener("beforeprint", () => {
      opened = [...document.querySelectorAll(".page details:not([open]):not(.transcript)")];
      for (const element of opened) element.open = true;
    });
    addEventListener("afterprint", () => {
      for (const element of opened) element.open = false;
    });
  };

  // --- keys ----------------------------------------------------------------------------------------------------------

  const KEYS = [
    ["j, k", "next row, row before; the same for cards"],
    ["Enter", "open it"],
    ["/", "search"],
    ["?", "this list"],
    ["Esc", "close what is open"],
  ];
  const ROWS = ".page tbody tr, .page .card, .page .ask";

  const walk = (step) => {
    const links = [...document.querySelectorAll(ROWS)].map((row) => row.querySelector("a[href]")).filter((link) => link && link.checkVisibility());
    if (!links.length) return;
    const current = document.activeElement?.closest?.(ROWS);
    let at = links.findIndex((link) => link.closest(ROWS) === current);
    if (at < 0) {
      const below = links.findIndex((link) => link.getBoundingClientRect().top >= 0);
      at = step > 0 ? (below < 0 ? 0 : below) : Math.max(0, (below < 0 ? links.length : below) - 1);
    } else at = Math.min(links.length - 1, Math.max(0, at + step));
    links[at].focus({ preventScroll: true });
    links[at].closest(ROWS).scrollIntoView({ block: "nearest" });
  };

  let dialog = null;
  const help = () => {
    if (!dialog) {
      const list = make("dl", {}, ...KEYS.map(([key, says]) => make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, says))));
      const close = make("button", { type: "button" }, "Close");
      close.addEventListener("click", () => dialog.close());
      dialog = make("dialog", { class: "keys page", "aria-labelledby": "x-keys" }, make("h2", { id: "x-keys" }, "Keys"), list, close);
      dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
      document.body.append(dialog);
    }
    if (dialog.open) dialog.close();
    else dialog.showModal();
  };

  const typing = (element) => element.isContentEditable || /^(input|textarea|select)$/i.test(element.tagName);

  const pressed = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "?") help();
    else if (dialog?.open) return;
    else if (event.key === "j") walk(1);
    else if (event.key === "k") walk(-1);
    else return;
    event.preventDefault();
  };

  times();
  for (const table of document.querySelectorAll(".page table.plain:not(.matrix)")) {
    sortable(table);
    filterable(table);
  }
  scrollable();
  reveal();
  printing();
  addEventListener("hashchange", reveal);
  document.addEventListener("keydown", pressed);
})();
