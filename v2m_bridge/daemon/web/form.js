// The wishes for a score: reads them from the form and puts those of an earlier score back into it.

import { Refusal } from "/static/api.js";

const by = (id) => document.getElementById(id);
const NUMBERS = { seed: "seed", affect: "affect", temperature: "temperature", harmonic: "harmonic_rhythm_s", tail: "tail_s" };
const TEXTS = { key: "key", mood: "mood", preset: "preset", primer: "primer", rate: "rate" };

const caption = (id) => (by(id).labels[0].querySelector(".cap") ?? by(id).labels[0]).firstChild.textContent.trim().toLowerCase();
const title = (word) => word[0].toUpperCase() + word.slice(1);

function fill(select, words) {
  for (const word of words) select.append(new Option(title(word), word));
}

export function prepare(choices) {
  fill(by("key"), choices.keys);
  fill(by("mood"), choices.moods);
  fill(by("preset"), choices.presets);
  by("parts").replaceChildren(
    ...choices.parts.map((part) => {
      const chip = document.createElement("label");
      chip.className = "chip";
      const box = Object.assign(document.createElement("input"), { type: "checkbox", value: part, checked: true });
      const text = Object.assign(document.createElement("span"), { textContent: title(part) });
      chip.append(box, text);
      return chip;
    }),
  );
  by("tempo-auto").addEventListener("change", () => {
    by("tempo").disabled = by("tempo-auto").checked;
    if (!by("tempo").disabled) by("tempo").focus();
  });
  for (const name of ["affect", "temperature"]) by(name).addEventListener("input", showRanges);
}

function showRanges() {
  for (const name of ["affect", "temperature"]) by(`${name}-out`).textContent = Number(by(name).value).toFixed(1);
}

const boxes = () => [...by("parts").querySelectorAll("input")];

// The options as the daemon takes them. Throws a Refusal that names the field, and points at it.
export function options() {
  const wishes = {};
  for (const input of by("form").querySelectorAll("input")) input.removeAttribute("aria-invalid");
  const number = (id, label) => {
    const input = by(id);
    if (input.value === "" || !input.checkValidity()) {
      input.setAttribute("aria-invalid", "true");
      input.closest("details")?.setAttribute("open", "");
      input.focus();
      const range = input.max ? ` between ${input.min} and ${input.max}` : ` from ${input.min}`;
      throw new Refusal(0, `${label} needs a number${range}`, null);
    }
    return Number(input.value);
  };
  wishes.tempo = by("tempo-auto").checked ? "auto" : number("tempo", "tempo");
  for (const [id, name] of Object.entries(NUMBERS)) wishes[name] = number(id, caption(id));
  for (const [id, name] of Object.entries(TEXTS)) wishes[name] = by(id).value.trim() || null;
  const chosen = boxes().filter((box) => box.checked).map((box) => box.value);
  if (boxes().length && chosen.length === 0) throw new Refusal(0, "choose at least one part", null);
  wishes.parts = chosen.length === boxes().length ? null : chosen;
  wishes.preview = by("preview").checked;
  return wishes;
}

export const wantsPush = () => by("push").checked;

export function show(wishes) {
  by("tempo-auto").checked = wishes.tempo === "auto";
  by("tempo").disabled = wishes.tempo === "auto";
  if (wishes.tempo !== "auto") by("tempo").value = wishes.tempo;
  for (const [id, name] of Object.entries(NUMBERS)) by(id).value = wishes[name];
  for (const [id, name] of Object.entries(TEXTS)) by(id).value = wishes[name] ?? "";
  for (const box of boxes()) box.checked = wishes.parts === null || wishes.parts.includes(box.value);
  by("preview").checked = wishes.preview;
  showRanges();
}
