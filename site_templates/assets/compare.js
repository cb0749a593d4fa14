/* Compares any two runs of a project, as orchestrator/show/figures/compare.py does for neighbours. Text is only ever set as text, never as HTML.
   Data comes as scripts (runs.js, <run>/facts.js): from file:// nothing else can be loaded. */
(function () {
  "use strict";

  function start() {
    const place = document.querySelector("[data-compare]");
    if (!place || place.dataset.ready) return;
    place.dataset.ready = "yes";
    load(place.dataset.compare, () => choose(place, window.orchestratorChoice || []));
  }

  function load(source, then) {
    const script = document.createElement("script");
    script.src = source;
    script.onload = then;
    script.onerror = then;
    document.head.append(script);
  }

  function make(name, classes, ...children) {
    const made = document.createElement(name);
    if (classes) made.className = classes;
    made.append(...children);
    return made;
  }

  const put = (place, ...parts) => place.append(...parts.filter((part) => part !== null));

  function choose(place, runs) {
    place.textContent = "";
    if (runs.length < 2) {
      place.append(make("p", "", "There are not two runs yet whose reports can be read."));
      return;
    }
    const wanted = new URLSearchParams(location.hash.slice(1));
    const before = picker("Before", runs, wanted.get("before"), 1);
    const now = picker("Now", runs, wanted.get("now"), 0);
    const turn = make("button", "md-button", "Swap");
    turn.type = "button";
    const result = make("div", "");
    result.setAttribute("aria-live", "polite");
    place.append(make("div", "choice", before.label, now.label, turn), result);
    const show = () => {
      const pair = [runs[before.list.selectedIndex], runs[now.list.selectedIndex]];
      history.replaceState(null, "", "#" + new URLSearchParams({ before: pair[0][0], now: pair[1][0] }));
      need(pair, () => compared(result, pair));
    };
    before.list.addEventListener("change", show);
    now.list.addEventListener("change", show);
    turn.addEventListener("click", () => {
      [before.list.selectedIndex, now.list.selectedIndex] = [now.list.selectedIndex, before.list.selectedIndex];
      show();
    });
    show();
  }

  function picker(name, runs, wanted, otherwise) {
    const list = make("select", "");
    for (const [id, , at, outcome] of runs) {
      const option = make("option", "", at.slice(0, 16).replace("T", " ") + " UTC, " + outcome);
      option.value = id;
      list.append(option);
    }
    const found = runs.findIndex((run) => run[0] === wanted);
    list.selectedIndex = found < 0 ? otherwise : found;
    return { list, label: make("label", "", name + " ", list) };
  }

  function need(pair, then) {
    const missing = pair.filter(([id]) => !(window.orchestratorRuns && Object.hasOwn(window.orchestratorRuns, id)));
    let left = missing.length;
    if (!left) then();
    for (const run of missing) load(run[1] + "/facts.js", () => --left || then());
  }

  const facts = (id) => (window.orchestratorRuns && Object.hasOwn(window.orchestratorRuns, id) ? window.orchestratorRuns[id] : null);
  const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined);
  const names = (one, two) => [...new Set([...Object.keys(one), ...Object.keys(two)])].sort();

  function compared(result, pair) {
    result.textContent = "";
    const [one, two] = pair.map(([id]) => facts(id));
    if (!one || !two) {
      result.append(make("p", "", "The facts of one of the two runs are not there."));
      return;
    }
    const tasks = names(one.tasks, two.tasks).map((id) => [id, own(one.tasks, id), own(two.tasks, id)]);
    const changed = tasks.filter(([, before, now]) => (before && before.verdict) !== (now && now.verdict));
    const untouched = (id) => {
      const requirement = id.slice(0, id.lastIndexOf("."));
      return !Object.keys(two.tasks).some((task) => task === requirement || task.startsWith(requirement + "."));
    };
    const criteria = names(one.criteria, two.criteria)
      .map((id) => [id, own(one.criteria, id) || "", own(two.criteria, id) || ""])
      .filter(([id, before, now]) => before !== now && !(before && !now && untouched(id)));
    const [failed, fails, passed, passes] = [one.failed, two.failed, one.passed, two.passed].map((list) => new Set(list));
    const began = one.failed.filter((test) => !fails.has(test) && (two.whole || passes.has(test)));
    const ceased = two.failed.filter((test) => !failed.has(test) && (one.whole || passed.has(test)));
    const fresh = two.passed.filter((test) => !passed.has(test) && !failed.has(test));
    const made = names(one.with, two.with).map((name) => [name, own(one.with, name) || "none", own(two.with, name) || "none"]);

    if (!(changed.length + criteria.length + began.length + ceased.length + fresh.length)) {
      result.append(make("p", "", "No task, criterion or test came out otherwise."));
    }
    put(
      result,
      table("Figures", ["Figure", "Before", "Now", "Difference"], Object.keys(two.figures).map((name) => figure(name, own(one.figures, name), two.figures[name]))),
      table("Tasks", ["Task", "Before", "Now"], changed.map(([id, before, now]) => [id + " " + (now || before).title, verdict(before, pair[0]), verdict(now, pair[1])])),
      table("Criteria", ["Criterion", "Proved before", "Proved now"], criteria.map(([id, before, now]) => [id, before || "not by that run", now || "not any more"])),
      tests("Tests that began to pass", began),
      tests("Tests that ceased to pass", ceased),
      tests("New tests that pass", fresh),
      table("What they were made with", ["What", "Before", "Now"], made.filter(([, before, now]) => before !== now)),
    );
    const same = made.filter(([, before, now]) => before === now).length;
    result.append(make("p", "faint", same + " of " + made.length + " versions and agents are the same."));
  }

  function verdict(task, run) {
    if (!task) return "not worked on";
    const link = make("a", "", task.verdict);
    link.href = "./" + encodeURIComponent(run[1]) + "/" + encodeURIComponent(task.page);
    return link;
  }

  function figure(name, before, now) {
    const known = typeof before === "number" && typeof now === "number";
    const more = known ? now - before : 0;
    const difference = !known ? "unknown" : more === 0 ? "the same" : (more > 0 ? "+" : "−") + written(name, Math.abs(more));
    return [name, written(name, before), written(name, now), difference];
  }

  function written(name, value) {
    if (typeof value !== "number") return "unknown";
    if (name === "cost") return "$" + (value >= 1 || value === 0 ? value.toFixed(2) : value.toFixed(4));
    if (name !== "took") return value.toLocaleString("en");
    const seconds = Math.round(value);
    if (value < 60) return (value < 10 ? value.toFixed(1) : seconds) + " s";
    const minutes = Math.floor(seconds / 60);
    return minutes < 60 ? minutes + " min " + String(seconds % 60).padStart(2, "0") + " s" : Math.floor(minutes / 60) + " h " + String(minutes % 60).padStart(2, "0") + " min";
  }

  function table(title, head, rows) {
    if (!rows.length) return null;
    const body = rows.map((cells) =>
      make("tr", "", ...cells.map((cell, index) => {
        const made = make(index ? "td" : "th", index ? (title === "Figures" ? "number nowrap" : "") : "task", cell);
        if (!index) made.scope = "row";
        return made;
      })),
    );
    const titles = make("tr", "", ...head.map((name, index) => make("th", index && title === "Figures" ? "number" : "", name)));
    const drawn = make("table", "plain", make("thead", "", titles), make("tbody", "", ...body));
    const wide = make("div", "wide", drawn);
    wide.tabIndex = 0; // so that keys can scroll it where it is too narrow
    wide.setAttribute("role", "region");
    wide.setAttribute("aria-label", title);
    return make("section", "", make("h2", "", title + " ", make("span", "count", title === "Figures" ? "" : String(rows.length))), wide);
  }

  function tests(title, found) {
    if (!found.length) return null;
    const items = found.slice(0, 200).map((test) => make("li", "", make("code", "", test)));
    if (found.length > 200) items.push(make("li", "faint", "and " + (found.length - 200) + " more"));
    return make("section", "", make("h2", "", title + " ", make("span", "count", String(found.length))), make("ul", "messages", ...items));
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
