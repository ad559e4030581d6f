// Draws the list of scores and the chosen score. Text only ever enters the page as text.

import { artifact } from "/static/api.js";

let stages = []; // as the daemon has them: name, label, share of the time

export function prepare(choices) {
  stages = choices.stages;
}

const FILES = {
  "score.mid": "MIDI",
  "score.musicxml": "Lead sheet (MusicXML)",
  "score.rpp": "REAPER project",
  "score.v2m": "REAPER job",
  "score.json": "JSON",
  "cuesheet.html": "Cue sheet",
  "cuesheet.csv": "Cue list",
  "hits.csv": "Hits (table)",
  "chords.csv": "Chords (table)",
  "seconds.csv": "Picture by the second (table)",
  "preview.wav": "Preview",
};
const ORDER = Object.keys(FILES);
const FROM = { inbox: "from the inbox", osc: "by OSC", http: "by a program", console: "" };

const by = (id) => document.getElementById(id);

function make(tag, fields = {}, ...children) {
  const { dataset = {}, ...rest } = fields;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, dataset);
  element.append(...children);
  return element;
}

const copy = (id) => by(id).content.firstElementChild.cloneNode(true);
const percent = (share) => `${Math.round(share * 100)} %`;
const stageName = (stage) => stages.find(({ name }) => name === stage)?.label ?? "Starting";

function tempo(summary) {
  const [low, high] = [summary.min_bpm, summary.max_bpm].map((bpm) => Math.round(bpm));
  return low === high ? `${low} bpm` : `${low}–${high} bpm`;
}

function length(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function when(seconds) {
  const date = new Date(seconds * 1000);
  const today = date.toDateString() === new Date().toDateString();
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return today ? time : `${date.toLocaleDateString([], { day: "numeric", month: "short" })}, ${time}`;
}

export function note(score) {
  switch (score.state) {
    case "queued":
      return score.ahead ? `Waiting, ${score.ahead} before it` : "Waiting";
    case "running":
      return `${stageName(score.stage)}, ${percent(score.progress)}`;
    case "failed":
      return score.error?.message ?? "Failed";
    case "cancelled":
      return `Cancelled, ${when(score.created_s)}`;
    default:
      return [score.summary.key, tempo(score.summary), score.options.seed ? `take ${score.options.seed}` : "", when(score.created_s)].filter(Boolean).join(", ");
  }
}

function segments(place) {
  place.replaceChildren(
    ...stages.map(({ name, share }) => {
      const segment = make("span", { className: "seg", dataset: { stage: name } }, make("b"));
      segment.style.flexGrow = share;
      return segment;
    }),
  );
}

function fillSegments(place, score) {
  const now = stages.findIndex(({ name }) => name === score.stage);
  [...place.children].forEach((segment, n) => {
    const share = n < now ? 1 : n === now ? score.stage_progress : 0;
    segment.firstChild.style.transform = `scaleX(${share})`;
  });
}

// -- the list

export function drawItem(score, chosen) {
  const list = by("list");
  let row = list.querySelector(`[data-id="${score.id}"]`);
  if (!row) {
    row = copy("item");
    row.dataset.id = score.id;
    row.dataset.created = score.created_s;
    row.querySelector("a").href = `#/scores/${score.id}`;
    segments(row.querySelector(".stages"));
    const later = [...list.children].find((other) => Number(other.dataset.created) < score.created_s);
    list.insertBefore(row, later ?? null);
  }
  const link = row.querySelector("a");
  link.className = `item ${score.state}`;
  link.setAttribute("aria-current", String(score.id === chosen));
  row.querySelector(".name").textContent = score.name;
  row.querySelector(".note").textContent = note(score);
  link.title = score.state === "failed" ? note(score) : "";
  fillSegments(row.querySelector(".stages"), score);
  by("empty").hidden = true;
}

export function dropItem(id) {
  by("list").querySelector(`[data-id="${id}"]`)?.remove();
  by("empty").hidden = by("list").children.length > 0;
}

export function markChosen(id) {
  for (const row of by("list").children) row.firstElementChild.setAttribute("aria-current", String(row.dataset.id === id));
}

// -- the chosen score

export function drawBlank() {
  by("detail").replaceChildren(copy("blank"));
}

function facts(score) {
  const s = score.summary;
  if (!s) return [];
  return [
    ["Key", s.key],
    ["Tempo", tempo(s)],
    ["On the grid", `${s.landed} of ${s.hits} hits`],
    ["Length", length(s.duration_s)],
    ["Take", String(score.options.seed)],
  ];
}

const button = (text, action, kind = "quiet") => make("button", { type: "button", className: kind, textContent: text, onclick: action });

function mainActions(score, act) {
  const again = [
    button("Another take", () => act.take(score)),
    button("Change and score again", () => act.again(score)),
  ];
  const remove = button("Remove", () => act.remove(score), "plain");
  if (score.state === "done") return [button("Push to REAPER", () => act.push(score), "primary"), ...again, remove];
  return score.state === "queued" || score.state === "running" ? [] : [again[1], remove];
}

function files(score) {
  const place = (name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  const names = [...score.artifacts].sort((a, b) => place(a) - place(b));
  if (!names.length) return [];
  const links = names.map((name) => {
    const page = name === "cuesheet.html";
    const href = artifact(score.id, name) + (page ? "" : "?download=true");
    const link = make("a", { href, textContent: FILES[name] ?? name, title: name });
    return Object.assign(link, page ? { target: "_blank", rel: "noopener" } : { download: "" });
  });
  return [make("span", { textContent: "Files" }), ...links];
}

function pushNote(push) {
  if (!push) return [];
  const text = { wanted: "On its way into REAPER", sent: push.message || "In REAPER", failed: push.message }[push.state];
  return [make("span", { className: `pushnote ${push.state === "failed" ? "bad" : ""}`, textContent: text })];
}

export function drawSheet(score, act) {
  const main = by("detail");
  let sheet = main.querySelector(`.sheet[data-id="${score.id}"]`);
  if (!sheet) {
    sheet = copy("sheet");
    sheet.dataset.id = score.id;
    segments(sheet.querySelector(".bar"));
    sheet.querySelector(".steps").append(...stages.map(({ label }) => make("li", { textContent: label })));
    sheet.querySelector(".cancel").onclick = () => act.cancel(score);
    main.replaceChildren(sheet);
  }
  if (sheet.dataset.state !== score.state + score.push?.state) drawState(sheet, score, act);
  if (score.state === "queued" || score.state === "running") drawWork(sheet, score);
}

function drawState(sheet, score, act) {
  sheet.dataset.state = score.state + score.push?.state;
  const part = (name) => sheet.querySelector(`.${name}`);
  const states = { queued: "Waiting", running: "Scoring", done: "Score", failed: "Not scored", cancelled: "Cancelled" };
  part("kicker").replaceChildren(make("b", { textContent: states[score.state] }), ` ${FROM[score.origin] ?? ""} ${when(score.created_s)}`);
  part("title").textContent = score.name;
  part("facts").replaceChildren(
    ...facts(score).map(([term, text]) => make("div", {}, make("dt", { textContent: term }), make("dd", { textContent: text }))),
  );
  part("work").hidden = !["queued", "running"].includes(score.state);
  part("trouble").hidden = score.state !== "failed";
  part("what").textContent = score.error ? sentence(score.error.message) : "";
  part("hint").textContent = score.error?.hint ? sentence(score.error.hint) : "";
  part("main").replaceChildren(...mainActions(score, act), ...pushNote(score.push));
  part("files").replaceChildren(...files(score));
  part("warnings").replaceChildren(...(score.summary?.warnings ?? []).map((text) => make("li", { textContent: text })));
  if (score.state === "done" && score.artifacts.includes("cuesheet.html") && !part("cuepage").firstChild) {
    const frame = make("iframe", { src: artifact(score.id, "cuesheet.html"), title: `Cue sheet of ${score.name}` });
    frame.sandbox = "allow-scripts";
    part("cuepage").append(frame);
  }
}

// File names keep their spelling at the start of a sentence.
const sentence = (text) => (/^\S*[.:/]/.test(text) ? text : text[0].toUpperCase() + text.slice(1)) + (/[.!?)]$/.test(text) ? "" : ".");

function drawWork(sheet, score) {
  const bar = sheet.querySelector(".bar");
  fillSegments(bar, score);
  bar.setAttribute("aria-valuenow", String(Math.round(score.progress * 100)));
  bar.setAttribute("aria-label", `Progress of ${score.name}`);
  bar.setAttribute("aria-valuetext", note(score));
  const now = stages.findIndex(({ name }) => name === score.stage);
  [...sheet.querySelector(".steps").children].forEach((step, n) => {
    step.className = n < now ? "past" : n === now ? "now" : "";
  });
}
