"use strict";
// Draws the score as systems, like a page of music: whole bars to a line, every lane on one time axis.
const score = JSON.parse(document.getElementById("score").textContent);
const SCREEN = { ruler: 32, picture: 58, sections: 17, speech: 9, tempo: 30, chords: 28, feeling: 42, dynamics: 42, roll: 128, gap: 7 };
const PAPER = { ruler: 32, picture: 46, sections: 15, speech: 7, tempo: 25, chords: 26, feeling: 34, dynamics: 34, roll: 104, gap: 5 };  // two systems on a page
let LANES = SCREEN;
const FLAG = 17;

const text = (value) => String(value).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const pretty = (symbol) => text(symbol).replace(/^([A-G])b/, "$1♭").replace(/#/g, "♯").replace(/b5/, "♭5");
const num = (value) => (Math.round(value * 100) / 100).toString();
const last = (list) => list[list.length - 1];

function timecode(seconds) {
  const rate = score.rate[0] / score.rate[1], fps = Math.max(1, Math.round(rate));
  let frame = score.start + Math.floor(seconds * rate + 0.01);
  const drop = score.drop && score.rate[1] === 1001 && fps % 30 === 0;
  if (drop) {
    const d = fps / 15, minute = fps * 60 - d, ten = minute * 10 + d, tens = Math.floor(frame / ten), rest = frame % ten;
    frame += d * 9 * tens + (rest >= fps * 60 ? d * (1 + Math.floor((rest - fps * 60) / minute)) : 0);
  }
  const two = (n) => String(n).padStart(2, "0"), s = Math.floor(frame / fps);
  return `${two(Math.floor(s / 3600))}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}${drop ? ";" : ":"}${two(frame % fps)}`;
}

// Index of the last row of `rows` whose first number is not after `at`.
function rowAt(rows, at) {
  let low = 0, high = rows.length;
  while (low < high) { const mid = (low + high) >> 1; if (rows[mid][0] <= at + 1e-4) low = mid + 1; else high = mid; }
  return low - 1;
}

// Whole bars to a line, as many as fit into `seconds`.
function breakLines(seconds) {
  const lines = [], ends = [...score.bars.slice(1).map((bar) => bar[0]), score.duration];
  let from = 0, to = 0;
  for (const end of ends) {
    if (end - from > seconds + 1e-6 && to > from) { lines.push([from, to]); from = to; }
    to = Math.min(end, score.duration);
  }
  if (to > from) lines.push([from, to]);
  if (!lines.length) lines.push([0, score.duration]);
  last(lines)[1] = score.duration;
  return lines;
}

// The same number of lines, as even as bars allow: a page of full lines reads better than one with a short rest.
function evenLines(seconds) {
  const most = breakLines(seconds);
  for (let each = score.duration / most.length; each < seconds; each *= 1.02) {
    const lines = breakLines(each);
    if (lines.length === most.length) return lines;
  }
  return most;
}

const allPitches = score.parts.flatMap((part) => part.notes.map((note) => note[2]));
const LOW = Math.min(...(allPitches.length ? [allPitches.reduce((a, b) => Math.min(a, b)), 48] : [48])) - 2;
const HIGH = Math.max(allPitches.reduce((a, b) => Math.max(a, b), 72), 72) + 2;
const PEAK = {
  motion: score.footage.reduce((m, row) => Math.max(m, row[0] || 0), 1),
  density: score.dynamics.reduce((m, row) => Math.max(m, row[1]), 12),
  loudness: score.dynamics.reduce((m, row) => Math.max(m, row[2]), 0.3),
};
const HAS = {
  emotion: score.footage.some((row) => row[1] && row[1].length),
  motion: score.footage.some((row) => row[0] !== null),
  moods: score.moods.length > 0,
};
const BPM = score.tempo.reduce((r, row) => [Math.min(r[0], row[1]), Math.max(r[1], row[1])], [1e9, 0]);

// A moment that lies this close before a line's end is drawn at the start of the next one: there its downbeat stands.
const CLOSE = 0.06;
const here = (s, at) => at >= s.from - CLOSE && (at < s.to - CLOSE || s.to >= score.duration);

function within(rows, from, to, endOf) {
  return rows.filter((row, i) => row[0] < to - 1e-6 && endOf(row, i) > from + 1e-6);
}

class System {
  constructor(from, to, width, gutter, perSecond, number) {
    Object.assign(this, { from, to, width, gutter, perSecond, number, out: [], y: 0 });
    this.right = gutter + (to - from) * perSecond;
  }
  x(seconds) { return this.gutter + (Math.max(this.from, Math.min(this.to, seconds)) - this.from) * this.perSecond; }
  add(markup) { this.out.push(markup); }
  lane(name, height) {
    const top = this.y;
    this.y += height + LANES.gap;
    if (this.gutter && name) this.add(`<text class="lane" x="0" y="${num(top + Math.min(height, 30) / 2 + 4)}">${name}</text>`);
    return top;
  }
  box(x, y, w, h, cls, extra = "") { this.add(`<rect class="${cls}" x="${num(x)}" y="${num(y)}" width="${num(Math.max(0, w))}" height="${num(h)}" ${extra}/>`); }
  line(x1, y1, x2, y2, cls) { this.add(`<line class="${cls}" x1="${num(x1)}" y1="${num(y1)}" x2="${num(x2)}" y2="${num(y2)}"/>`); }
  label(x, y, cls, content, room = 1e9, size = 6) {
    const most = Math.floor(room / size);
    if (most < 1 && room < 1e9) return;
    const shown = content.length > most ? (most < 3 ? "" : content.slice(0, most - 1) + "…") : content;
    if (shown) this.add(`<text class="${cls}" x="${num(x)}" y="${num(y)}">${text(shown)}</text>`);
  }
}

function drawRuler(s) {
  const top = s.lane("", LANES.ruler);
  let free = -1e9, before = null;
  const first = rowAt(score.bars, s.from - 1e-3);
  if (first >= 0 && s.number) before = `${score.bars[first][2]}/${score.bars[first][3]}`;
  for (const [at, number, numerator, denominator] of within(score.bars, s.from, s.to, (b, i) => b[0] + 1e-3)) {
    if (at < s.from - 1e-3) continue;
    const x = s.x(at), metre = `${numerator}/${denominator}`, wide = 7 * String(number).length;
    if (x < free) continue;  // only where bars are narrower than their numbers
    s.label(x + 3, top + 13, "barno", String(number));
    free = x + wide + 6;
    if (metre !== before) {
      // stacked as in a score: it must not take the room of the next bar's number
      const half = 3.2 * Math.max(String(numerator).length, String(denominator).length), middle = x + wide + 7 + half;
      s.add(`<text class="metre" text-anchor="middle" aria-label="${metre}"><tspan x="${num(middle)}" y="${top + 8}">${numerator}</tspan><tspan x="${num(middle)}" y="${top + 17}">${denominator}</tspan></text>`);
      free = middle + half + 2;
    }
    before = metre;
  }
  // Ticks stand on whole seconds of timecode, which at 23.976 are not whole seconds.
  const rate = score.rate[0] / score.rate[1], second = Math.max(1, Math.round(rate));
  const step = second * ([1, 2, 5, 10, 15, 30, 60].find((n) => n * s.perSecond >= 96) || 60);
  for (let frame = Math.ceil((score.start + s.from * rate) / step - 1e-6) * step; ; frame += step) {
    const at = (frame - score.start) / rate, x = s.x(at);
    if (at >= s.to) break;
    if (x > s.right - 66) continue;
    s.line(x, top + 26, x, top + 32, "barline");
    s.label(x + 3, top + 29, "tc", timecode(at));
  }
}

function drawPicture(s) {
  const top = s.lane("Picture", LANES.picture), clips = [];
  score.shots.forEach(([from, to, name, online, picture], i) => {
    if (to <= s.from + CLOSE || from >= s.to - CLOSE) return;
    const x = s.x(from <= s.from + CLOSE ? s.from : from), w = s.x(to) - x;
    s.box(x, top, w, LANES.picture, "frame");
    if (picture) {
      clips.push(`<clipPath id="c${s.number}-${i}"><rect x="${num(x)}" y="${top}" width="${num(w)}" height="${LANES.picture}"/></clipPath>`);
      const wide = Math.max(w, LANES.picture * 16 / 9);
      s.add(`<g clip-path="url(#c${s.number}-${i})"><image href="${picture}" x="${num(x - (wide - w) / 2)}" y="${top}" width="${num(wide)}" height="${LANES.picture}" preserveAspectRatio="xMidYMid slice"><title>${text(name)}</title></image></g>`);
    } else {
      s.label(x + 5, top + 15, "shot", name || (online ? "" : "offline"), w - 8);
      if (!online && name) s.label(x + 5, top + 29, "lane", "offline", w - 8);
    }
    if (from > s.from) s.line(x, top, x, top + LANES.picture, "edge");
  });
  if (clips.length) s.add(`<defs>${clips.join("")}</defs>`);
  return top;
}

// What belongs together: its letter, its mood, and on hovering the reason.
function drawSections(s) {
  if (!score.sections.length) return;
  const top = s.lane("Section", LANES.sections);
  for (const [from, to, label, mood, reason] of within(score.sections, s.from, s.to, (row) => row[1])) {
    const x = s.x(from), w = s.x(to) - x;
    s.add(`<g><title>${text(`${label}: ${reason}`)}</title>`);
    s.box(x, top, w - 1, LANES.sections, mood ? `mood e${score.emotions.indexOf(mood)}` : "frame");
    s.label(x + 4, top + LANES.sections - 4, "lane", mood ? `${label}  ${mood}` : label, w - 8);
    s.add("</g>");
  }
}

function drawSpeech(s) {
  if (!score.speech.length) return;
  const top = s.lane("Speech", LANES.speech);
  for (const [from, to] of within(score.speech, s.from, s.to, (row) => row[1])) s.box(s.x(from), top, s.x(to) - s.x(from), LANES.speech, "speech", 'rx="2"');
}

function drawTempo(s) {
  const top = s.lane("Tempo", LANES.tempo), h = LANES.tempo, spread = Math.max(BPM[1] - BPM[0], 4);
  const y = (bpm) => top + h - 4 - (bpm - (BPM[0] + BPM[1] - spread) / 2) / spread * (h - 16);
  let path = "", free = -1e9;
  score.tempo.forEach(([at, bpm, linear], i) => {
    const next = score.tempo[i + 1], to = next ? next[0] : score.duration;
    if (to <= s.from || at >= s.to) return;
    const aim = linear && next ? next[1] : bpm, span = Math.max(to - at, 1e-6);
    const a = bpm + (aim - bpm) * (Math.max(at, s.from) - at) / span, b = bpm + (aim - bpm) * (Math.min(to, s.to) - at) / span;
    path += `${path ? "L" : "M"}${num(s.x(at))} ${num(y(a))}L${num(s.x(to))} ${num(y(b))}`;
    const x = s.x(at);
    if (x >= free && x < s.right - 30) { s.label(x + 2, y(a) - 4, "tc", bpm.toFixed(1)); free = x + 44; }
  });
  s.add(`<path class="tempo" d="${path}"/>`);
}

function drawChords(s) {
  const top = s.lane("Chords", LANES.chords), merged = [];
  for (const [from, to, symbol, onCut] of score.chords) {
    const before = last(merged);
    if (before && before[2] === symbol && Math.abs(before[1] - from) < 1e-3) before[1] = to;
    else merged.push([from, to, symbol, onCut]);
  }
  for (const [from, to, symbol, onCut] of within(merged, s.from, s.to, (c) => c[1])) {
    const x = s.x(from), w = s.x(to) - x;
    s.box(x + 0.5, top, w - 1.5, LANES.chords, onCut ? "chordbox oncut" : "chordbox", 'rx="2"');
    const size = Math.min(15, (w - 5) / (symbol.length * 0.5));
    if (size >= 5) s.add(`<text class="chordname" style="font-size:${num(size)}px" x="${num(x + 4)}" y="${top + 19}">${pretty(symbol)}</text>`);
  }
}

// What was seen, or else what was asked for. Without either there is no such lane.
function drawFeeling(s) {
  const what = HAS.emotion ? "Emotion" : HAS.moods ? "Mood" : "";
  if (!what && !HAS.motion) return;
  const top = s.lane(what && HAS.motion ? `${what},` : what || "Motion", LANES.feeling), h = LANES.feeling;
  if (s.gutter && what && HAS.motion) s.add(`<text class="lane" x="0" y="${top + 32}">motion</text>`);
  drawMoods(s, top, HAS.emotion ? 5 : h);
  const first = Math.floor(s.from), end = Math.min(score.footage.length, Math.ceil(s.to));
  let line = "";
  for (let t = first; t < end; t++) {
    const [motion, emotion] = score.footage[t];
    if (emotion && emotion.length) {
      const sum = emotion.reduce((a, b) => a + b, 0) || 1;
      let y = top + h;
      emotion.forEach((p, i) => { const part = p / sum * h; y -= part; if (part > 0.3) s.box(s.x(t), y, s.x(t + 1) - s.x(t) + 0.3, part + 0.2, `emotion e${i}`); });
    }
    if (motion !== null) { line += `${line && score.footage[t - 1]?.[0] !== null && t > first ? "L" : "M"}${num(s.x(t + 0.5))} ${num(top + h - 2 - Math.sqrt(motion / PEAK.motion) * (h - 6))}`; }
  }
  if (line) s.add(`<path class="motion" d="${line}"/>`);
}

// Moods asked for: bands with their names, or a strip above what was measured.
function drawMoods(s, top, height) {
  score.moods.forEach(([from, mood], i) => {
    const to = score.moods[i + 1] ? score.moods[i + 1][0] : score.duration;
    if (to <= s.from || from >= s.to) return;
    const x = s.x(from), w = s.x(to) - x;
    s.box(x, top, w, height, `mood e${score.emotions.indexOf(mood)}`);
    if (height > 20) s.label(x + 5, top + 13, "lane", mood, w - 8);
  });
}

function drawDynamics(s) {
  const top = s.lane("Density,", LANES.dynamics), h = LANES.dynamics, base = top + h;
  if (s.gutter) s.add(`<text class="lane" x="0" y="${top + 32}">loudness</text>`);
  const endOf = (row, i) => (score.dynamics[i + 1] ? score.dynamics[i + 1][0] : score.duration);
  let area = "", line = "";
  score.dynamics.forEach((row, i) => {
    const to = endOf(row, i);
    if (to <= s.from || row[0] >= s.to) return;
    const a = s.x(row[0]), b = s.x(to), y = base - row[1] / PEAK.density * (h - 2);
    area += `M${num(a)} ${base}V${num(y)}H${num(b)}V${base}Z`;
    line += `${line ? "L" : "M"}${num((a + b) / 2)} ${num(base - 2 - row[2] / PEAK.loudness * (h - 6))}`;
  });
  s.add(`<path class="density" d="${area}"/><path class="loudness" d="${line}"/>`);
}

function drawRoll(s) {
  const top = s.lane("Notes", LANES.roll), h = LANES.roll, unit = h / (HIGH - LOW);
  for (let c = Math.ceil(LOW / 12) * 12; c <= HIGH; c += 12) {
    const y = top + h - (c - LOW) * unit;
    s.line(s.gutter, y, s.right, y, "octave");
    if (s.gutter) s.add(`<text class="lane" x="${s.gutter - 6}" y="${num(y + 3)}" text-anchor="end">C${c / 12 - 1}</text>`);
  }
  score.parts.forEach((part, index) => {
    const layers = ["", "", ""];
    for (const [at, length, pitch, velocity] of part.notes) {
      if (at >= s.to || at + length <= s.from) continue;
      const x = s.x(at), w = Math.max(1.2, s.x(at + length) - x - 0.8);
      layers[velocity < 60 ? 0 : velocity < 88 ? 1 : 2] += `M${num(x)} ${num(top + h - (pitch - LOW + 1) * unit)}h${num(w)}v${num(Math.max(2.2, unit))}h${num(-w)}z`;
    }
    layers.forEach((d, i) => d && s.add(`<path class="n r-${part.role} p${index}" fill-opacity="${[0.5, 0.72, 0.95][i]}" d="${d}"/>`));
  });
}

function drawEvents(s, pictureTop, bottom) {
  const seen = score.events.filter((row) => here(s, row[0]));
  for (const [at, kind, lands, must, name, note, tc, position] of seen) {
    const x = s.x(at), cls = lands || "none", half = must ? 6 : 4.5, y = pictureTop + LANES.picture + 3;
    s.line(x, pictureTop, x, bottom, `cutline ${cls}${must ? " must" : ""}`);
    s.add(`<path class="mark ${cls}" d="M${num(x)} ${num(y - half)}l${half} ${half}l${-half} ${half}l${-half} ${-half}z"><title>${text([tc, position, name, note, kind].filter(Boolean).join("  "))}</title></path>`);
  }
  drawFlags(s, pictureTop, seen.filter((row) => row[1] === "marker" && (row[4] || row[5])));
}

// Names of markers, in rows so that none hides another. What must be hit gets its place first.
function drawFlags(s, pictureTop, markers) {
  const rows = Array.from({ length: Math.floor(LANES.picture / FLAG) }, () => []);
  for (const [at, , , must, name, note] of [...markers].sort((a, b) => b[3] - a[3] || a[0] - b[0])) {
    const label = name || note, x = s.x(at), w = Math.min(6.9 * label.length + 11, s.right - x);
    if (w < 24) continue;
    const row = rows.findIndex((taken) => taken.every(([from, to]) => x >= to || x + w <= from));
    if (row < 0) continue;
    rows[row].push([x, x + w]);
    s.box(x, pictureTop + row * FLAG, w, 16, "ground");
    s.label(x + 5, pictureTop + row * FLAG + 12, must ? "flag must" : "flag", label, w - 6, 6.9);
  }
}

function drawSystem(from, to, width, gutter, perSecond, number) {
  const s = new System(from, to, width, gutter, perSecond, number);
  drawRuler(s);
  const gridTop = s.y, grid = s.out.length;
  const pictureTop = drawPicture(s);
  drawSections(s); drawSpeech(s); drawTempo(s); drawChords(s); drawFeeling(s); drawDynamics(s); drawRoll(s);
  const bottom = s.y - LANES.gap, back = [];
  back.push(`<rect class="ground" x="${gutter}" y="${gridTop + LANES.picture}" width="${num(s.right - gutter)}" height="${num(bottom - gridTop - LANES.picture)}"/>`);
  for (const [at] of within(score.bars, from, to, (b) => b[0] + 1e-3)) {
    if (at > from + 1e-3) back.push(`<line class="barline" x1="${num(s.x(at))}" x2="${num(s.x(at))}" y1="${num(gridTop - 30)}" y2="${num(bottom)}"/>`);
  }
  s.out.splice(grid, 0, ...back);
  drawEvents(s, pictureTop, bottom);
  s.line(s.gutter, 16, s.gutter, bottom, "head");
  return `<div class="system" data-from="${from}" data-to="${to}"><svg viewBox="0 0 ${num(width)} ${num(bottom + 1)}" data-left="${gutter}" data-right="${num(s.right)}" role="img" aria-label="${timecode(from)} to ${timecode(to)}">${s.out.join("")}</svg></div>`;
}

// All systems for a page `width` pixels wide; `zoom` 1 shows about 36 pixels a second, a short film on one whole line.
function drawSystems(width, zoom) {
  const gutter = width < 640 ? 0 : 68, inner = width - gutter - 1, usual = width < 640 ? 34 : 36;
  const perSecond = Math.max(usual, Math.min(inner / score.duration, 12 * usual)) * zoom;
  const lines = evenLines(inner / perSecond);
  let before = perSecond;
  return lines.map(([from, to], i) => {
    const fits = inner / (to - from), ragged = i + 1 === lines.length && fits > before * 1.35;
    before = ragged ? before : fits;
    return drawSystem(from, to, width, gutter, before, i);
  }).join("");
}
