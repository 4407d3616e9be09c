// Sorts and filters the tables that are marked for it. A page without it is whole: it holds all rows already.
"use strict";

(() => {
  const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });

  // What a cell is sorted by: its data-v, or its text. Numbers in columns of numbers; nothing comes last in any order.
  const valueOf = (cell, numeric) => {
    const text = cell.dataset.v ?? cell.textContent.trim();
    if (text === "") return null;
    return numeric ? Number(text) : text;
  };

  const enhance = (table) => {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const form = document.querySelector(`form[data-filter="${table.id}"]`);
    const status = form.querySelector("[role=status]");
    const none = document.querySelector(`[data-none="${table.id}"]`);
    const rows = [...body.rows].map((row, order) => ({ row, order, values: [], text: row.textContent.toLowerCase() }));
    const isNumeric = heads.map((head) => head.classList.contains("number") || head.dataset.kind === "number");
    const first = heads.find((head) => head.ariaSort)?.dataset.key ?? "";
    const fresh = () => ({ sort: first, dir: "ascending", q: "", outcome: "", code: "" });
    let state = fresh();
    let sorted = first + "ascending";

    const compare = (column, sign) => (a, b) => {
      const [x, y] = [a.values[column], b.values[column]];
      if (x === null || y === null) return (x === null) - (y === null) || a.order - b.order;
      return sign * (typeof x === "number" ? x - y : collator.compare(x, y)) || a.order - b.order;
    };

    const sort = () => {
      const column = heads.findIndex((head) => head.dataset.key === state.sort);
      if (sorted === state.sort + state.dir || column < 0) return;
      for (const one of rows) one.values[column] ??= valueOf(one.row.cells[column], isNumeric[column]);
      rows.sort(compare(column, state.dir === "descending" ? -1 : 1));
      body.append(...rows.map((one) => one.row));
      sorted = state.sort + state.dir;
    };

    const fits = ({ row, text }) =>
      text.includes(state.q.trim().toLowerCase()) &&
      (!state.outcome || row.dataset.outcome === state.outcome) &&
      (!state.code || row.dataset.codes.split(" ").includes(state.code));

    const tell = (shown) => {
      const words = status.dataset;
      const head = heads.find((one) => one.dataset.key === state.sort);
      const order = head ? ` · ${words.sorted.replace("{column}", head.textContent)} · ${words[state.dir]}` : "";
      status.textContent = words.words.replace("{shown}", shown).replace("{all}", rows.length) + order;
    };

    const show = () => {
      sort();
      for (const head of heads) {
        if (head.dataset.key === state.sort) head.ariaSort = state.dir;
        else head.removeAttribute("aria-sort");
      }
      let shown = 0;
      for (const one of rows) {
        const fit = fits(one);
        one.row.hidden = !fit;
        shown += fit;
      }
      none.hidden = shown > 0;
      tell(shown);
    };

    // The address keeps what is shown, so that a reload, a bookmark and the way back show it again.
    const keep = () => {
      const usual = fresh();
      const said = Object.entries(state).filter(([key, value]) => value !== usual[key]);
      const hash = new URLSearchParams(said).toString();
      history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    };

    const change = (changes) => {
      state = { ...state, ...changes };
      show();
      keep();
    };

    const recall = () => {
      const hash = location.hash.slice(1);
      if (!hash.includes("=")) return false; // the address of a heading
      const said = new URLSearchParams(hash);
      state = fresh();
      state.sort = said.get("sort") ?? state.sort;
      if (said.get("dir") === "descending") state.dir = "descending";
      for (const field of form.elements) {
        if (!field.name) continue;
        field.value = said.get(field.name) ?? "";
        state[field.name] = field.value; // a choice that there is not is none
      }
      show();
      return true;
    };

    for (const head of heads) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const again = state.sort === head.dataset.key && state.dir === "ascending";
        change({ sort: head.dataset.key, dir: again ? "descending" : "ascending" });
      });
    }
    form.addEventListener("input", (event) => change({ [event.target.name]: event.target.value }));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => change({ q: "", outcome: "", code: "" }));
    addEventListener("hashchange", () => {
      if (recall()) form.scrollIntoView();
    });
    form.hidden = false;
    if (!recall()) show();
    document.documentElement.dataset.ready = "";
  };

  for (const table of document.querySelectorAll("table.sortable")) enhance(table);
})();
