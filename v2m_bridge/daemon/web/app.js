// The console: keeps what the daemon says, follows the address bar, and sends what the user wants.

import * as api from "/static/api.js";
import * as form from "/static/form.js";
import * as view from "/static/view.js";

const by = (id) => document.getElementById(id);
const known = new Map();
let chosen = null;
let again = null;
let older = null;
let putBack = null;

// -- what is said to the user

function complain(error) {
  if (error.status === 401) return location.reload(); // the sign-in page explains
  const text = error instanceof api.Refusal ? error.sentence : `Something went wrong in this page: ${error.message}.`;
  by("alert-text").textContent = text;
  by("alert").hidden = false;
}

const carefully = (work) => (...given) => Promise.resolve(work(...given)).catch(complain);

function lamp(kind, text) {
  by("lamp").className = `lamp ${kind}`;
  by("lamp-text").textContent = text;
}

let nextLook = 0;
let looks = 0;

async function showHealth() {
  clearTimeout(nextLook);
  const look = ++looks;
  const health = await api.health();
  if (look !== looks) return; // answers may overtake each other
  const waiting = health.jobs.queued + health.jobs.running;
  if (health.status !== "ok") lamp("trouble", health.warning || `Worker ${health.worker}`);
  else if (health.worker !== "ready") lamp("busy", "Loading networks");
  else lamp(waiting ? "busy" : "ready", waiting ? `${waiting} at work` : "Ready");
  nextLook = setTimeout(() => showHealth().catch(() => {}), health.worker === "ready" ? 30_000 : 1_000);
}

// -- scores

function learn(score) {
  const before = known.get(score.id);
  known.set(score.id, score);
  view.drawItem(score, chosen);
  if (score.id === chosen) {
    view.drawSheet(score, actions);
    document.title = `${score.name} – v2m-bridge`;
  }
  if (before && (before.state !== score.state || before.stage !== score.stage)) {
    by("live").textContent = `${score.name}: ${score.state === "done" ? "done" : view.note(score)}`;
  }
}

// An answer may be older than the news that overtook it: what has finished stays finished.
function learnAnswer(score) {
  if (!["done", "failed", "cancelled"].includes(known.get(score.id)?.state)) learn(score);
}

const changed = carefully(async (score) => {
  learn(score);
  await showHealth();
});

function moved(news) {
  const score = known.get(news.id);
  if (score) learn({ ...score, ...news });
}

function gone(id) {
  known.delete(id);
  view.dropItem(id);
  if (id === chosen) location.hash = "#/";
}

const refresh = carefully(async () => {
  const page = await api.scores();
  const there = new Set(page.scores.map((score) => score.id));
  if (page.before === null) for (const id of [...known.keys()]) if (!there.has(id)) gone(id);
  page.scores.forEach(learnAnswer);
  older ??= page.before;
  by("older").hidden = older === null;
  await showHealth();
});

const showOlder = carefully(async () => {
  const page = await api.scores(older);
  page.scores.forEach(learnAnswer);
  older = page.before;
  by("older").hidden = older === null;
});

// -- new scores

async function begin(request) {
  const wish = { ...request, options: request.options ?? form.options(), push: form.wantsPush() };
  const { id } = await api.submit(wish);
  learnAnswer(await api.score(id));
  location.hash = `#/scores/${id}`;
}

function formTrouble(error) {
  if (error.status === 401) return complain(error);
  by("form-error").textContent = error instanceof api.Refusal ? error.sentence : error.message;
  by("form-error").hidden = false;
  return undefined;
}

async function tried(work) {
  by("form-error").hidden = true;
  try {
    await work();
  } catch (error) {
    formTrouble(error);
  }
}

async function take(files) {
  await tried(async () => {
    const options = form.options(); // before anything is sent: a wrong wish must not cost an upload
    for (const file of files) {
      by("sending").hidden = false;
      by("sending-name").textContent = `Sending ${file.name}`;
      by("sending-bar").value = 0;
      const sent = await api.upload(file, (share) => (by("sending-bar").value = share));
      await begin({ upload: sent.upload, options });
    }
  });
  by("sending").hidden = true;
  by("file").value = "";
}

// While an earlier score is asked for again, the form shows its wishes; afterwards those that stood there before.
function setAgain(score) {
  if (score && !again) putBack = form.snapshot();
  if (!score && again) putBack();
  again = score;
  by("again").hidden = by("again-actions").hidden = !score;
  by("desk").classList.toggle("is-again", Boolean(score));
  by("intake-title").textContent = score ? "Score it again" : "Score an edit";
  by("again-name").textContent = score?.name ?? "";
  by("form-error").hidden = true;
  if (!score) return;
  form.show(score.options);
  if (matchMedia("(max-width: 860px)").matches) location.hash = "#/";
  by("intake-title").scrollIntoView({ block: "nearest" });
  by("tempo-auto").focus();
}

const actions = {
  cancel: carefully(async (score) => void (await api.cancel(score.id))),
  take: carefully((score) => {
    const seed = Number.isSafeInteger(score.options.seed + 1) ? score.options.seed + 1 : 0;
    return begin({ again: score.id, options: { ...score.options, seed } });
  }),
  again: setAgain,
  remove: carefully(async (score) => {
    if (confirm(`Remove “${score.name}” and its files?`)) await api.remove(score.id);
  }),
  push: carefully(async (score) => {
    by("live").textContent = "Pushing to REAPER";
    await api.push(score.id);
  }),
};

// -- the page

const route = carefully(async () => {
  chosen = /^#\/scores\/([0-9a-f]{12})$/.exec(location.hash)?.[1] ?? null;
  by("desk").classList.toggle("open", chosen !== null);
  view.markChosen(chosen);
  document.title = "v2m-bridge";
  if (chosen === null) return view.drawBlank();
  if (!known.has(chosen)) learnAnswer(await api.score(chosen));
  else learn(known.get(chosen));
  by("detail").scrollTop = 0;
  if (matchMedia("(max-width: 860px)").matches) {
    scrollTo(0, 0);
    by("detail").focus({ preventScroll: true });
  }
  return undefined;
});

function dropZone() {
  const zone = by("drop");
  const hasFiles = (event) => [...event.dataTransfer.types].includes("Files");
  // The whole window takes the drop: a file that misses the zone must not replace the page.
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    zone.classList.add("over");
  });
  addEventListener("dragleave", (event) => event.relatedTarget || zone.classList.remove("over"));
  addEventListener("drop", (event) => {
    zone.classList.remove("over");
    if (!hasFiles(event)) return;
    event.preventDefault();
    setAgain(null);
    take([...event.dataTransfer.files]);
  });
  by("file").addEventListener("change", () => take([...by("file").files]));
}

function wire() {
  dropZone();
  addEventListener("hashchange", route);
  by("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!again) return;
    const score = again;
    tried(async () => {
      await begin({ again: score.id, options: { ...score.options, ...form.options() } })
      setAgain(null);
    });
  });
  by("again-cancel").addEventListener("click", () => {
    const score = again;
    setAgain(null);
    location.hash = `#/scores/${score.id}`;
  });
  by("score-path").addEventListener("click", () => tried(() => begin({ timeline_path: by("path").value.trim() || "?" })));
  by("path").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    by("score-path").click();
  });
  by("older").addEventListener("click", showOlder);
  by("alert-close").addEventListener("click", () => (by("alert").hidden = true));
  by("sign-out").addEventListener("click", carefully(async () => {
    await api.signOut();
    location.reload();
  }));
}

const start = carefully(async () => {
  wire();
  const choices = await api.choices();
  form.prepare(choices.options);
  view.prepare(choices);
  api.listen({
    opened: refresh,
    state: changed,
    progress: moved,
    removed: gone,
    lost: () => {
      lamp("trouble", "Connection lost, trying again");
      api.health().catch((error) => error.status === 401 && location.reload());
    },
  });
  await route();
});

start();
