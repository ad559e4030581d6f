// Binds the drawing and the sound to the page.
const player = new Player();
const find = (id) => document.getElementById(id);
const shown = { width: 0, zoom: 1, system: null };
window.cueSheet = player;

function render(width) {
  find("systems").innerHTML = drawSystems(width, shown.zoom);
  shown.width = width; shown.system = null;
  player.muted.forEach((part) => find("systems").querySelectorAll(`.p${part}`).forEach((node) => node.classList.add("muted")));
  follow(false);
}

function fit(force) {
  const width = Math.floor(find("systems").clientWidth);
  if (force || Math.abs(width - shown.width) > 1) render(width);
}

function position(seconds) {
  const bar = score.bars[Math.max(0, rowAt(score.bars, seconds))];
  if (!bar) return "1|1";
  const i = score.bars.indexOf(bar), end = score.bars[i + 1] ? score.bars[i + 1][0] : null;
  const tempo = score.tempo[Math.max(0, rowAt(score.tempo, bar[0]))][1], span = end === null ? bar[2] * 4 / bar[3] * 60 / tempo : end - bar[0];
  return `${bar[1]}|${Math.min(bar[2], Math.floor((seconds - bar[0]) / span * bar[2] + 1e-3) + 1)}`;
}

function follow(scroll) {
  const now = player.now;
  find("timecode").textContent = timecode(now);
  find("position").textContent = position(now);
  const chord = score.chords[rowAt(score.chords, now)];
  find("chord").innerHTML = chord && chord[1] > now ? pretty(chord[2]) : "";
  const ahead = score.events[rowAt(score.events, now) + 1];
  find("next").innerHTML = ahead ? `<b>${text(ahead[4] || ahead[1])}</b> in ${(ahead[0] - now).toFixed(1)} s, bar ${text(ahead[7])}` : "";
  const systems = [...document.querySelectorAll(".system")];
  const system = systems.find((node) => now < +node.dataset.to) || last(systems);
  if (!system) return;
  const head = system.querySelector(".head"), svg = system.firstChild;
  if (system !== shown.system) {
    document.querySelectorAll(".head.on").forEach((node) => node.classList.remove("on"));
    shown.system = system;
    const box = system.getBoundingClientRect();
    if (scroll && (box.top < 70 || box.bottom > innerHeight)) system.scrollIntoView({ block: "center", behavior: "smooth" });
  }
  const [x, from, to] = [+svg.dataset.left, +system.dataset.from, +system.dataset.to];
  const at = x + (now - from) / (to - from) * (+svg.dataset.right - x);
  head.setAttribute("x1", at); head.setAttribute("x2", at);
  head.classList.toggle("on", player.playing || now > 0);
}

function tick() {
  document.body.classList.toggle("playing", player.playing);
  find("play").setAttribute("aria-label", player.playing ? "Pause" : "Play");
  follow(true);
  if (player.playing) requestAnimationFrame(tick);
}

async function toggle() { if (player.playing) player.pause(); else await player.play(); tick(); }
async function seek(seconds) { await player.seek(seconds); tick(); }

find("play").addEventListener("click", toggle);
find("systems").addEventListener("click", (event) => {
  const system = event.target.closest(".system");
  if (!system) return;
  const svg = system.firstChild, box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
  const share = ((event.clientX - box.left) * scale - svg.dataset.left) / (svg.dataset.right - svg.dataset.left);
  const from = +system.dataset.from, to = +system.dataset.to;
  seek(from + Math.max(0, Math.min(1, share)) * (to - from));
});
document.querySelectorAll("tr[data-s]").forEach((row) => row.addEventListener("click", () => seek(+row.dataset.s)));
document.querySelectorAll(".part").forEach((button) => button.addEventListener("click", () => {
  const part = +button.dataset.part, off = button.getAttribute("aria-pressed") === "true";
  button.setAttribute("aria-pressed", String(!off));
  player.mute(part, off);
  document.querySelectorAll(`.p${part}`).forEach((node) => node.classList.toggle("muted", off));
}));
for (const [id, factor] of [["wider", 1 / 1.4], ["closer", 1.4]]) {
  find(id).addEventListener("click", () => { shown.zoom = Math.max(0.2, Math.min(4, shown.zoom * factor)); fit(true); });
}
document.addEventListener("keydown", (event) => {
  const on = (kinds) => event.target.closest && event.target.closest(kinds);
  if (on("input, select") || event.metaKey || event.ctrlKey || event.altKey) return;
  const cuts = [0, ...score.events.map((row) => row[0])], now = player.now;
  if (event.key === " " && !on("button")) { event.preventDefault(); toggle(); }
  if (event.key === "ArrowRight") { const to = cuts.find((s) => s > now + 0.05); if (to !== undefined) seek(to); }
  if (event.key === "ArrowLeft") seek(last(cuts.filter((s) => s < now - 0.25)) || 0);
  if (event.key === "Home") seek(0);
});
addEventListener("resize", () => fit(false));
addEventListener("beforeprint", () => { document.documentElement.classList.add("printing"); LANES = PAPER; render(1040); });
addEventListener("afterprint", () => { document.documentElement.classList.remove("printing"); LANES = SCREEN; fit(true); });
fit(true);
