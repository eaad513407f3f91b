"use strict";
// Draws a page of the site from the data embedded in it. All figures come from SQL; this file only
// selects, formats and draws. What a source wrote is text: it never becomes markup.

let page;
let tables;
const narrow = matchMedia("(max-width: 1000px)");
const MOST_ROWS = 200;
const SLICED = ["work", "stream", "range"];

const element = (tag, text, attributes = {}) => {
  const made = document.createElement(tag);
  if (text !== null && text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};
const byId = (name) => document.getElementById(name);

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const sign = seconds < 0 ? "−" : "";
  const minutes = Math.abs(seconds) / 60;
  if (minutes < 1) return `${sign}${Math.round(Math.abs(seconds))} s`;
  if (minutes < 60) return `${sign}${Math.round(minutes)} min`;
  if (minutes < 48 * 60) return `${sign}${(minutes / 60).toFixed(1)} h`;
  const days = minutes / 1440;
  return `${sign}${days < 100 ? days.toFixed(1) : Math.round(days).toLocaleString("en")} d`;
}

const share = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`.replace("-", "−"));
const count = (value) =>
  value === null || value === undefined ? "–" : value.toLocaleString("en", { maximumFractionDigits: 2 });
const instant = (value) => (value ? `${value.slice(0, 10)} ${value.slice(11, 16)}` : "–");
const FORMATS = { _s: duration, _share: share, _at: instant, month_start: (value) => value?.slice(0, 7) ?? "–" };
const isWeb = (address) => typeof address === "string" && /^https?:\/\/\S+$/.test(address);

// A column `x_s` gains `x_d` (days, for axes) and `x_text` (for labels).
function records({ columns, rows }) {
  return rows.map((row) => {
    const record = {};
    columns.forEach((column, i) => {
      record[column] = row[i];
      if (column.endsWith("_s")) {
        const stem = column.slice(0, -2);
        record[`${stem}_d`] = row[i] === null ? null : row[i] / 86400;
        record[`${stem}_text`] = duration(row[i]);
      }
    });
    return record;
  });
}

// The data are gzip in base64. Nothing is fetched: the page works from a disk and without a network.
async function unpacked() {
  const packed = Uint8Array.from(atob(byId("data").textContent), (c) => c.charCodeAt(0));
  const unzipped = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(unzipped).text());
}

// What the address says, or where it says nothing known: the first value stream, its first kind of
// work, the middle range. Nothing is ever shown of two value streams at once.
function chosen() {
  const hash = new URLSearchParams(location.hash.slice(1));
  const found = (options, key) => options.find((option) => option.key === key);
  const stream = found(page.streams, hash.get("stream")) ?? page.streams[0];
  const works = page.works.filter((work) => stream.works.includes(work.key));
  return {
    stream: stream.key,
    work: (found(works, hash.get("work")) ?? works[0]).key,
    range: (found(page.ranges, hash.get("range")) ?? found(page.ranges, page.range)).key,
    more: [...hash].filter(([name]) => !SLICED.includes(name)),
  };
}

function address(choice) {
  const { more, ...sliced } = choice;
  return `#${new URLSearchParams([...Object.entries(sliced), ...(more ?? [])])}`;
}

function slice(name, choice, at) {
  const window = page.ranges.find((range) => range.key === choice.range);
  const columns = page.tables[name].columns;
  const sliced = SLICED.filter((column) => columns.includes(column));
  return tables[name].filter(
    (row) =>
      sliced.every((column) => row[column] === choice[column]) &&
      (!at || row[at] === null || (row[at] >= window.window_start && row[at] < window.window_end) ||
        (at === "month_start" && row[at].slice(0, 7) >= window.window_start.slice(0, 7) && row[at] < window.window_end)),
  );
}

// In a specification "$name" stands for a value given here, or for the CSS variable of that name:
// the picture then changes with the theme, and is light on paper, without being drawn again.
function filled(specification, values = {}) {
  return JSON.parse(JSON.stringify(specification), (_, value) =>
    typeof value === "string" && value.startsWith("$") ? values[value.slice(1)] ?? `var(--${value.slice(1)})` : value,
  );
}

function stageTooltip(rows) {
  const labels = new Set([...rows].sort((a, b) => a.position - b.position).map((row) => String(row.label)));
  return [
    { field: "date_day", timeUnit: "utcyearmonthdate", title: "End of", format: "%d %b %Y" },
    ...[...labels].map((label) => ({ field: label.replace(/[.[\]'"\\]/g, "\\$&"), title: label, format: ",d" })),
  ];
}

// What is done is pale: the bands above it are what one looks for.
function stageColours(rows) {
  const stages = new Set(rows.map((row) => row.position));
  const step = Math.max(1, Math.floor(9 / stages.size));
  return [...stages].map((_, i) => (i === stages.size - 1 ? "var(--band1)" : `var(--step${1 + Math.min(8, i * step)})`));
}

const CONFIG = {
  background: null,
  font: "system-ui, 'Segoe UI', 'Liberation Sans', sans-serif",
  axis: {
    labelColor: "$text", titleColor: "$muted", titleFontWeight: "normal", labelFontSize: 12, titleFontSize: 12.5,
    titlePadding: 8, gridColor: "$line", gridOpacity: 0.7, domainColor: "$strong", tickColor: "$strong",
  },
  legend: { labelColor: "$text", titleColor: "$muted", titleFontWeight: "normal", labelFontSize: 12, titleFontSize: 12.5 },
  header: { labelColor: "$text", titleColor: "$muted", labelFontSize: 12.5 },
  text: { color: "$text" },
  mark: { aria: false },
  view: { stroke: null },
  range: { category: ["$series1", "$series2", "$series3", "$series4", "$series5", "$series6"] },
};

const itemsAddress = (choice, query) => `items.html${address({ ...choice, more: [] })}&${query}`;

function drawTiles(choice) {
  const [figures] = slice("figures", choice);
  const tiles = byId("tiles");
  tiles.replaceChildren();
  if (!figures) return;
  const few = figures.finished_items < 10 ? ": no percentile of fewer than 10" : "";
  const n = `n = ${count(figures.finished_items)} finished items with a flow time${few}`;
  const tile = (name, metric, value, note, query) => {
    const group = element("div", null, { class: "tile" });
    const term = element("dt");
    term.append(metric && page.metrics.includes(metric) ? element("a", name, { href: `definitions.html#${metric}` }) : name);
    const number = element("dd", null, { class: "value" });
    number.append(query ? element("a", value, { href: itemsAddress(choice, query) }) : value);
    group.append(term, number, element("dd", note));
    tiles.append(group);
  };
  tile("Throughput", "velocity", count(figures.finished_4_weeks), "items in the last 4 complete weeks", figures.weeks && `state=finished&weeks=${figures.weeks}`);
  tile("Flow time P50", "flow_time_p50_s", duration(figures.start_to_done_p50_s), n, "state=finished&timed=yes");
  tile("Flow time P85", "flow_time_p85_s", duration(figures.start_to_done_p85_s), n, "state=finished&timed=yes");
  tile("Flow efficiency", "flow_efficiency_share", share(figures.flow_efficiency_share), figures.has_modelled_waits ? "touch ÷ (touch + wait) of finished items" : "not computable: no stage of this work waits", "state=finished");
  tile("Work in progress", "wip_items", count(figures.wip), "items started, not finished", "state=in+progress");
  tile("Late", null, count(figures.late), "in progress longer than 85 % of finished ones took", "state=in+progress&late=yes");
  if (figures.unmapped_items) tile("Items unmapped", "unmapped_items", count(figures.unmapped_items), "⚠ add their status to the seeds", "unmapped=yes");
}

// A stream with too much time in statuses without a stage is published, and says so.
function drawMark({ stream }) {
  const mark = byId("marked");
  if (!mark) return;
  const one = page.streams.find((other) => other.key === stream);
  mark.hidden = typeof one.unmapped_share !== "number";
  mark.textContent = mark.hidden
    ? ""
    : `⚠ Says too little: ${one.name} (${share(one.unmapped_share)}) of the time in statuses without a stage. flowhouse status --seeds prints the lines that map them.`;
}

const COLUMNS = { is_complete_period: "Over", is_complete_week: "Over", item_key: "Item", month_start: "Month", n: "n", week_start: "Week from" };
const suffix = (column) => column.match(/_s$|_share$|_at$/)?.[0];

function heading(column, labels) {
  const words = labels[column] ?? COLUMNS[column] ?? column.replace(/^is_|_(s|share|at|date)$/g, "").replaceAll("_", " ").replace(/ p(\d\d)$/, " P$1");
  const name = element("th", null, { scope: "col" });
  const text = words === "n" || words.startsWith("n of ") ? words : words[0].toUpperCase() + words.slice(1);
  name.append(page.metrics.includes(column) ? element("a", text, { href: `definitions.html#${column}`, title: "Definition" }) : text);
  return name;
}

// A key leads to its ticket, and to its way to production; a number to the items behind it.
function cell(row, column, section, choice, isNumeric) {
  const value = row[column];
  const isNumber = typeof value === "number";
  const format = FORMATS[suffix(column) ?? column] ?? (column === "value" || column === "expected" || column === "target" ? (v) => measure(v, row.metric) : null);
  const text = format ? format(value) : isNumber ? count(value) : typeof value === "boolean" ? (value ? "yes" : "no") : value ?? "–";
  const made = element("td", null, isNumeric ? { class: "number" } : {});
  const length = String(text).length;
  // On paper only what is as long as a key or a moment stays in one line.
  if (!isNumeric && length < 34) made.className = length < 18 ? "short tight" : "short";
  if (column === "status" || column === "state") made.classList.add(`status-${String(text).split(" ")[0]}`);
  const url = column === "item_key" ? row.item_url : row[`${column}_url`];
  if (isWeb(url)) made.append(element("a", text, { href: url, rel: "noopener" }));
  else made.append(text);
  if (column === "item_key" && value) made.append(" ", element("a", "trace", { href: `trace.html#key=${encodeURIComponent(value)}`, class: "more", "aria-label": `Trace ${value}` }));
  const query = section.links[column];
  if (query && isNumber && value > 0) {
    const values = query.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(row[name]));
    made.replaceChildren(element("a", text, { href: itemsAddress(choice, values) }));
  }
  if (format && isNumber && !query) made.title = `${value}`;
  return made;
}

function measure(value, metric) {
  if (value === null || value === undefined) return "–";
  return metric?.endsWith("_s") ? duration(value) : metric?.endsWith("_share") ? share(value) : count(value);
}

function drawTable(holder, name, rows, section, choice, title) {
  const hidden = new Set([...SLICED, ...section.hidden]);
  const columns = page.tables[name].columns.filter((column) => !hidden.has(column) && !/_?url$/.test(column));
  const some = columns.filter((column) => rows.some((row) => row[column] !== null));
  const table = element("table");
  if (title) table.append(element("caption", title));
  const head = element("tr");
  const numeric = new Set(some.filter((column) => rows.some((row) => typeof row[column] === "number")));
  for (const column of some) {
    const made = heading(column, section.labels);
    if (numeric.has(column)) made.className = "number";
    head.append(made);
  }
  table.append(element("thead"), element("tbody"));
  table.tHead.append(head);
  const fill = (from, to) => {
    for (const row of rows.slice(from, to)) {
      const line = element("tr");
      for (const column of some) line.append(cell(row, column, section, choice, numeric.has(column)));
      table.tBodies[0].append(line);
    }
  };
  fill(0, MOST_ROWS);
  const total = `n = ${count(rows.length)} row${rows.length === 1 ? "" : "s"}`;
  const words = element("p", total, { class: "count" });
  if (rows.length > MOST_ROWS) {
    const more = element("button", `Show all ${count(rows.length)}`, { type: "button" });
    words.append(`, the first ${MOST_ROWS} are shown. `, more);
    more.addEventListener("click", () => {
      fill(MOST_ROWS);
      words.textContent = total;
    });
  }
  holder.append(words, table);
}

const views = new Map();
const OLDER = "This publication was made by an older version of flowhouse, which had no such table; the next refresh fills it.";
const emptiness = (section) => (page.tables[section.tables[0]].columns.length ? section.empty : OLDER);

async function drawPicture(holder, section, name, datasets) {
  views.get(name)?.finalize();
  const canvas = element("div");
  holder.replaceChildren(canvas);
  if (!datasets[section.tables[0]].length) {
    canvas.append(element("p", emptiness(section), { class: "none" }));
    return;
  }
  const values = name === "cumulative" ? { stages: stageTooltip(datasets.cumulative), stage_colours: stageColours(datasets.cumulative) } : {};
  const view = await vegaEmbed(canvas, { ...filled(section.specification, values), datasets }, {
    ast: true, renderer: "svg", config: filled(CONFIG), tooltip: { theme: "custom" }, actions: false,
  });
  const svg = canvas.querySelector("svg");
  // On paper and in a narrow window the picture shrinks as a whole.
  if (svg && !svg.getAttribute("viewBox")) svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
  views.set(name, view);
}

const FILTERS = {
  state: (row, value) => row.state === value,
  week: (row, value) => row.finished_date !== null && row.finished_date >= value && row.finished_date < nextWeek(value),
  weeks: (row, value) => row.finished_date !== null && row.finished_date >= value.split("_")[0] && row.finished_date < value.split("_")[1],
  month: (row, value) => row.finished_date !== null && row.finished_date.slice(0, 7) === value.slice(0, 7),
  label: (row, value) => row.label === value,
  visited: (row, value) => (row.visited ?? []).includes(value),
  work_type: (row, value) => row.work_type === value,
  parent: (row, value) => row.parent === value,
  late: (row) => row.is_late,
  unmapped: (row) => row.is_unmapped,
  timed: (row) => row.start_to_done_s !== null,
  of: (row, value) => row.work === value,
  alive: (row) => row.state !== "cancelled",
  any: () => true,
};
const CHIPS = { late: "late", unmapped: "in a status without a stage", timed: "with a flow time", any: "of any value stream, work and time", alive: "not cancelled" };

function nextWeek(day) {
  const next = new Date(`${day}T00:00:00Z`);
  next.setUTCDate(next.getUTCDate() + 7);
  return next.toISOString().slice(0, 10);
}

// Which items are behind a number: those of the choice that pass what the address asks for.
function itemsBehind(choice) {
  const wanted = choice.more.filter(([name]) => name in FILTERS);
  const names = new Set(wanted.map(([name]) => name));
  const window = page.ranges.find((range) => range.key === choice.range);
  const inRange = (row) => row.finished_date === null || (row.finished_date >= window.window_start && row.finished_date < window.window_end);
  const isFree = names.has("week") || names.has("weeks") || names.has("month") || names.has("any") || names.has("unmapped");
  return tables.items.filter(
    (row) =>
      (names.has("any") || row.work === choice.work) &&
      (names.has("any") || names.has("visited") || row.stream === choice.stream) &&
      (isFree || inRange(row)) &&
      wanted.every(([name, value]) => FILTERS[name](row, name === "visited" ? `${choice.stream}/${value}` : value)),
  );
}

function drawChips(choice) {
  const chips = byId("chips");
  chips.replaceChildren();
  for (const [name, value] of choice.more.filter(([key]) => key in FILTERS)) {
    const item = element("li");
    const words = CHIPS[name] ?? `${name.replaceAll("_", " ")}: ${value.replace("_", " to ")}`;
    const rest = choice.more.filter(([key]) => key !== name);
    item.append(element("a", `${words} ✕`, { href: address({ ...choice, more: rest }), "aria-label": `Without ${words}` }));
    chips.append(item);
  }
}

async function drawSection(holder, choice) {
  const section = page.sections[holder.id];
  const isItems = holder.id === "items";
  const datasets = Object.fromEntries(
    section.tables.map((name) => [
      name,
      isItems ? itemsBehind(choice) : slice(name, choice, section.at[name]).filter((row) => !section.only[name] || row[section.only[name]]),
    ]),
  );
  const rows = holder.querySelector(".rows");
  const details = holder.querySelector("details.data");
  const fill = () => {
    rows.replaceChildren();
    if (details && !details.open) return;
    for (const name of section.tables) {
      if (datasets[name].length) drawTable(rows, name, datasets[name], section, choice);
      else if (!details) rows.append(element("p", emptiness(section), { class: "none" }));
    }
    if (isItems && page.all_items > tables.items.length) {
      rows.append(element("p", `The newest ${count(tables.items.length)} of ${count(page.all_items)} items are on this page; a number may count older ones too.`, { class: "count" }));
    }
  };
  if (details) details.ontoggle = fill;
  fill();
  const chart = holder.querySelector(".chart");
  if (chart) await drawPicture(chart, section, holder.id, datasets);
}

// The way of one item from idea to production, and how each step is known.
function drawTrace() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key") ?? "";
  const found = byId("found");
  byId("key").value = key;
  found.replaceChildren();
  document.body.dataset.traced = key;
  if (!key) {
    const examples = element("p", "For example: ", { class: "count" });
    for (const row of tables.traces.filter((one) => one.is_complete).slice(0, 3)) {
      examples.append(element("a", row.item_key, { href: `#${new URLSearchParams({ key: row.item_key })}` }), " ");
    }
    if (examples.children.length) found.append(examples);
    return;
  }
  const item = tables.traces.find((row) => row.item_key === key);
  if (!item) {
    found.append(element("p", `We know no way of ${key}: no issue or pull request of that key is among the newest ${count(tables.traces.length)} traced ones.`, { class: "none" }));
    return;
  }
  const title = element("h3");
  title.append(isWeb(item.item_url) ? element("a", key, { href: item.item_url, rel: "noopener" }) : key);
  title.append(item.is_complete ? ": known from idea to production" : `: we do not know its ${item.missing_links ?? "whole way"}`);
  const path = element("ol", null, { class: "path" });
  for (const step of tables.steps.filter((row) => row.item_key === key)) {
    const line = element("li");
    line.append(element("b", `${step.step} `), isWeb(step.url) ? element("a", step.what, { href: step.url, rel: "noopener" }) : step.what ?? "");
    const sure = step.confidence === null ? "" : `, confidence ${step.confidence}`;
    line.append(element("br"), element("span", `${instant(step.at)} UTC · known by ${String(step.known_by ?? "nothing").replaceAll("_", " ")}${sure}`, { class: "more" }));
    path.append(line);
  }
  const phases = ["ideation", "integration", "verification", "delivery"]
    .filter((name) => item[`${name}_s`] !== null)
    .map((name) => `${name} ${duration(item[`${name}_s`])}`);
  found.append(title, path, element("p", phases.length ? phases.join(" · ") : "No phase has a known length.", { class: "count" }));
}

function startTrace() {
  const keys = byId("keys");
  for (const row of tables.traces.slice(0, 500)) keys.append(element("option", null, { value: row.item_key }));
  byId("key").addEventListener("change", (event) => {
    location.hash = new URLSearchParams({ key: event.target.value.trim() });
  });
}

let turn = 0;

async function draw() {
  const mine = ++turn;
  const choice = chosen();
  for (const select of document.querySelectorAll(".filters select")) select.value = choice[select.id];
  drawMark(choice);
  if (page.name === "index") {
    drawTiles(choice);
    for (const one of document.querySelectorAll(".verdicts")) one.hidden = one.dataset.stream !== choice.stream;
  }
  if (page.name === "trace") drawTrace();
  if (page.name === "items") drawChips(choice);
  for (const link of document.querySelectorAll("nav a:not(.plain), .brand a")) {
    link.setAttribute("href", link.getAttribute("href").split("#")[0] + address({ ...choice, more: [] }));
  }
  const sections = [...document.querySelectorAll(".picture")].filter((one) => one.id in page.sections);
  await Promise.all(sections.map((section) => drawSection(section, choice)));
  if (mine !== turn) return;
  const name = (options, key) => options.find((option) => option.key === key).name;
  const parts = [name(page.streams, choice.stream)];
  if (byId("work")) parts.push(name(page.works, choice.work));
  if (byId("range")) parts.push(name(page.ranges, choice.range));
  if (byId("said")) byId("said").textContent = parts.join(" · ");
  document.body.dataset.drawn = `${choice.work}|${choice.stream}|${choice.range}`;
}

function startFilters() {
  const fill = (select, options) =>
    select.replaceChildren(...options.map((option) => element("option", option.name, { value: option.key })));
  const choice = chosen();
  for (const [name, options] of [["stream", page.streams], ["work", page.works], ["range", page.ranges]]) {
    const select = byId(name);
    if (!select) continue;
    fill(select, options);
    select.value = choice[name];
    select.addEventListener("change", () => {
      location.hash = address({ ...chosen(), [name]: select.value });
    });
  }
}

async function start() {
  byId("menu").open = !narrow.matches;
  narrow.addEventListener("change", () => { byId("menu").open = !narrow.matches; });
  page = await unpacked();
  tables = Object.fromEntries(Object.entries(page.tables).map(([name, table]) => [name, records(table)]));
  startFilters();
  if (page.name === "trace") startTrace();
  addEventListener("hashchange", draw);
  await draw();
}

start();
