"use strict";
// Draws the page from the data embedded in it. All figures come from SQL; this file only selects,
// formats and draws.

let page;
let tables;
const dark = matchMedia("(prefers-color-scheme: dark)");
const ALL = "all";
const PER_ITEM = new Set(["times", "aging"]);
const HIDDEN = new Set(["work", "stream", "position"]);

const element = (tag, text, attributes = {}) => {
  const made = document.createElement(tag);
  if (text !== null && text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const minutes = seconds / 60;
  if (minutes < 1) return `${Math.round(seconds)} s`;
  if (minutes < 60) return `${Math.round(minutes)} min`;
  if (minutes < 48 * 60) return `${(minutes / 60).toFixed(1)} h`;
  const days = minutes / 1440;
  return `${days < 100 ? days.toFixed(1) : Math.round(days).toLocaleString("en")} d`;
}

const share = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`);
const count = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));

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
  const packed = Uint8Array.from(atob(document.getElementById("data").textContent), (c) => c.charCodeAt(0));
  const unzipped = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(unzipped).text());
}

function slice(name, { work, stream }) {
  return tables[name].filter(
    (row) => row.work === work && (row.stream === stream || (PER_ITEM.has(name) && stream === ALL)),
  );
}

function chosen() {
  const hash = new URLSearchParams(location.hash.slice(1));
  const known = (options, key) => options.some((option) => option.key === key);
  return {
    stream: known(page.streams, hash.get("stream")) ? hash.get("stream") : ALL,
    work: known(page.works, hash.get("work")) ? hash.get("work") : page.works[0].key,
  };
}

// In a specification "$name" stands for a value given here, or for the CSS variable of that name.
function filled(specification, values = {}) {
  const style = getComputedStyle(document.documentElement);
  return JSON.parse(JSON.stringify(specification), (_, value) => {
    if (typeof value !== "string" || !value.startsWith("$")) return value;
    const name = value.slice(1);
    return values[name] ?? style.getPropertyValue(`--${name}`).trim();
  });
}

function stageTooltip(rows) {
  const labels = new Set([...rows].sort((a, b) => a.position - b.position).map((row) => String(row.label)));
  return [
    { field: "date_day", timeUnit: "utcyearmonthdate", title: "End of", format: "%d %b %Y" },
    ...[...labels].map((label) => ({ field: label.replace(/[.[\]'"\\]/g, "\\$&"), title: label, format: ",d" })),
  ];
}

const CONFIG = {
  background: null,
  font: "system-ui, 'Segoe UI', 'Liberation Sans', sans-serif",
  axis: {
    labelColor: "$text", titleColor: "$muted", titleFontWeight: "normal", labelFontSize: 12, titleFontSize: 12.5,
    titlePadding: 8, gridColor: "$line", gridOpacity: 0.55, domainColor: "$line", tickColor: "$line",
  },
  legend: { labelColor: "$text", titleColor: "$muted", titleFontWeight: "normal", labelFontSize: 12, titleFontSize: 12.5 },
  text: { color: "$text" },
  mark: { aria: false },
  view: { stroke: null },
  range: { category: ["$series1", "$series2", "$series3", "$series4", "$series5", "$series6"] },
};

function drawTiles(choice) {
  const [figures] = slice("figures", choice);
  const tile = (name, value, note) => {
    const group = element("div", null, { class: "tile" });
    group.append(element("dt", name), element("dd", value, { class: "value" }), element("dd", note));
    return group;
  };
  const tiles = document.getElementById("tiles");
  tiles.replaceChildren();
  if (!figures) return;
  const few = figures.finished_items < 10 ? ": no percentile of fewer than 10" : "";
  const n = `n = ${count(figures.finished_items)} finished items${few}`;
  tiles.append(
    tile("Throughput", count(figures.finished_4_weeks), "items in the last 4 complete weeks"),
    tile("Flow time P50", duration(figures.start_to_done_p50_s), n),
    tile("Flow time P85", duration(figures.start_to_done_p85_s), n),
    tile("Flow efficiency", share(figures.flow_efficiency_share), figures.has_modelled_waits ? "touch ÷ (touch + wait), ratio of sums" : "not computable: no stage of this work waits"),
    tile("Work in progress", count(figures.wip), "items started, not finished"),
    tile("Items unmapped", count(figures.unmapped_items), figures.unmapped_items ? "⚠ add their status to the seeds" : "every status has a stage"),
  );
}

// A stream with too much time in statuses without a stage is published, and says so.
function drawMark({ stream }) {
  const mark = document.getElementById("marked");
  const marked = page.streams.filter(
    (one) => typeof one.unmapped_share === "number" && (stream === ALL || one.key === stream),
  );
  mark.hidden = !marked.length;
  mark.textContent = marked.length
    ? `⚠ Says too little: ${marked.map((one) => `${one.name} (${share(one.unmapped_share)})`).join(", ")} of the time in statuses without a stage. flowhouse status --seeds prints the lines that map them.`
    : "";
}

const CELL = { _s: duration, _share: share };

function drawTable(holder, rows, columns) {
  const shown = columns.filter((column) => !HIDDEN.has(column));
  const table = element("table");
  const head = element("tr");
  for (const column of shown) head.append(element("th", column.replace(/_s$/, "").replaceAll("_", " "), { scope: "col" }));
  const body = element("tbody");
  for (const row of rows) {
    const line = element("tr");
    for (const column of shown) {
      const value = row[column];
      const format = CELL[column.match(/_s$|_share$/)?.[0]];
      const isNumber = typeof value === "number";
      const text = format ? format(value) : isNumber ? count(value) : typeof value === "boolean" ? (value ? "yes" : "no") : value ?? "–";
      line.append(element("td", text, { ...(isNumber && { class: "number" }), ...(format && isNumber && { title: `${value}` }) }));
    }
    body.append(line);
  }
  table.append(element("thead"), body);
  table.tHead.append(head);
  holder.replaceChildren(table);
}

const views = new Map();

async function drawPicture(section, choice) {
  const { tables: names, specification, empty } = page.pictures[section.id];
  const datasets = Object.fromEntries(names.map((name) => [name, slice(name, choice)]));
  views.get(section.id)?.finalize();
  const chart = section.querySelector(".chart");
  const canvas = element("div");
  chart.replaceChildren(canvas);
  const details = section.querySelector("details.data");
  const fill = () => {
    const holder = section.querySelector(".rows");
    holder.replaceChildren();
    if (!details.open) return;
    for (const name of names) {
      const part = element("div");
      holder.append(part);
      drawTable(part, datasets[name], page.tables[name].columns);
    }
  };
  details.ontoggle = fill;
  fill();
  if (!datasets[names[0]].length) {
    canvas.append(element("p", empty, { class: "none" }));
    return;
  }
  const view = await vegaEmbed(canvas, { ...filled(specification, { stages: stageTooltip(datasets[names[0]]) }), datasets }, {
    ast: true,
    renderer: "svg",
    config: filled(CONFIG),
    tooltip: { theme: dark.matches ? "dark" : "light" },
    actions: { export: { svg: true, png: true }, source: false, compiled: false, editor: false },
    downloadFileName: `flowhouse-${section.id}`,
  });
  views.set(section.id, view);
}

let turn = 0;

async function draw() {
  const mine = ++turn;
  const choice = chosen();
  for (const name of ["stream", "work"]) document.getElementById(name).value = choice[name];
  drawTiles(choice);
  drawMark(choice);
  await Promise.all([...document.querySelectorAll(".picture")].map((section) => drawPicture(section, choice)));
  if (mine !== turn) return;
  const label = (options, key) => options.find((option) => option.key === key).name;
  document.getElementById("said").textContent = `Showing ${label(page.streams, choice.stream)}, ${label(page.works, choice.work)}`;
  document.body.dataset.drawn = `${choice.work}|${choice.stream}`;
}

async function start() {
  page = await unpacked();
  tables = Object.fromEntries(Object.entries(page.tables).map(([name, table]) => [name, records(table)]));
  for (const [name, options] of [["stream", page.streams], ["work", page.works]]) {
    const select = document.getElementById(name);
    for (const option of options) select.append(element("option", option.name, { value: option.key }));
    select.addEventListener("change", () => {
      location.hash = new URLSearchParams({ ...chosen(), [name]: select.value });
    });
  }
  addEventListener("hashchange", draw);
  dark.addEventListener("change", draw);
  await draw();
}

start();
