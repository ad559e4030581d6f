// The form of a score's options. Fields, words, bounds and defaults come from the daemon; none is written here.

import { Refusal } from "/static/api.js";

const by = (id) => document.getElementById(id);
const title = (word) => word[0].toUpperCase() + word.slice(1);
const SLIDER_STEPS = 50; // a range of more steps than this is a field to type in

let fields = [];

function make(tag, given = {}, ...children) {
  const element = Object.assign(document.createElement(tag), given);
  element.append(...children);
  return element;
}

const isNumber = (field) => field.kind === "number" || field.kind === "integer";
const lowest = (field) => (field.above ? field.minimum + field.step : field.minimum);
const isSlider = (field) =>
  isNumber(field) && !field.optional && field.maximum !== null && (field.maximum - field.minimum) / field.step <= SLIDER_STEPS;

// -- controls

function numberInput(field, type) {
  const input = make("input", { type, id: field.key, inputMode: field.kind === "integer" ? "numeric" : "decimal" });
  if (field.minimum !== null) input.min = lowest(field);
  if (field.maximum !== null) input.max = field.maximum;
  if (field.step !== null) input.step = field.step;
  input.placeholder = field.default === null ? field.unset.toLowerCase() : "";
  return input;
}

function caption(field, ...more) {
  return make("span", { className: "cap" }, field.label, ...(field.unit ? [" ", make("small", { textContent: `(${field.unit})` })] : []), ...more);
}

function numberOrWord(field) {
  const auto = make("input", { type: "checkbox", id: `${field.key}-${field.word}` });
  const input = numberInput({ ...field, optional: false }, "number");
  input.placeholder = field.example;
  auto.addEventListener("change", () => {
    input.disabled = auto.checked;
    if (!input.disabled) input.focus();
  });
  const number = make("label", { className: "number" }, make("span", { className: "sr", textContent: `${field.label}, ${field.unit}` }), input, make("span", { ariaHidden: "true", textContent: field.unit }));
  return make("fieldset", { className: "row" }, make("legend", { textContent: field.label }), make("label", { className: "check" }, auto, field.unset), number);
}

function chips(field) {
  const boxes = field.choices.map((word) =>
    make("label", { className: "chip" }, make("input", { type: "checkbox", value: word }), make("span", { textContent: title(word) })),
  );
  return make("fieldset", { className: "wordset" }, make("legend", { textContent: field.label }), make("div", { id: field.key, className: "chips" }, ...boxes));
}

function slider(field) {
  const out = make("output", { id: `${field.key}-out` });
  out.htmlFor = field.key;
  const input = numberInput(field, "range");
  input.addEventListener("input", () => showSlider(field));
  return make("label", { className: "field", htmlFor: field.key }, caption(field, " ", out), input);
}

function showSlider(field) {
  by(`${field.key}-out`).textContent = String(Number(by(field.key).value));
}

function control(field) {
  if (field.word) return numberOrWord(field);
  if (field.kind === "words") return chips(field);
  if (field.kind === "switch") return make("label", { className: "check" }, make("input", { type: "checkbox", id: field.key }), field.label);
  if (isSlider(field)) return slider(field);
  if (isNumber(field)) return make("label", { className: "field beside" }, caption(field), numberInput(field, "number"));
  if (field.kind === "choice") {
    const words = field.choices.map((word) => new Option(title(word), word));
    return make("label", { className: "field" }, field.label, make("select", { id: field.key }, new Option(field.unset, ""), ...words));
  }
  const input = make("input", { type: "text", id: field.key, placeholder: field.example, autocomplete: "off", spellcheck: false });
  return make("label", { className: "field" }, field.label, input);
}

function explained(field) {
  const shown = control(field);
  const help = make("p", { className: "help", id: `${field.key}-help`, textContent: field.help });
  (shown.matches("input, select") ? shown : shown.querySelector("input, select"))?.setAttribute("aria-describedby", help.id);
  return make("div", { className: "option" }, shown, help);
}

function titled(field) {
  const shown = control(field);
  shown.title = field.help;
  return shown;
}

// Builds the form; `given` are the options as GET /v1/choices has them.
export function prepare(given) {
  fields = given;
  by("first").replaceChildren(...fields.filter((field) => field.first).map(titled));
  const rest = fields.filter((field) => !field.first);
  by("groups").replaceChildren(
    ...[...new Set(rest.map((field) => field.group))].map((name) =>
      make("details", {}, make("summary", { textContent: name }), ...rest.filter((field) => field.group === name).map(explained)),
    ),
  );
  show(Object.fromEntries(fields.map((field) => [field.key, field.default])));
}

// -- values

const boxes = (field) => [...by(field.key).querySelectorAll("input")];

function refuse(field, text) {
  const input = by(field.key);
  input.setAttribute("aria-invalid", "true");
  for (let place = input.closest("details"); place; place = place.parentElement.closest("details")) place.open = true;
  input.focus();
  throw new Refusal(0, `${field.label.toLowerCase()} ${text}`, null);
}

function numberOf(field) {
  const input = by(field.key);
  if (input.value === "" && field.optional && !field.word && !input.validity.badInput) return null;
  const value = Number(input.value);
  const low = field.minimum === null || value > field.minimum || (value === field.minimum && !field.above);
  const fits = low && (field.maximum === null || value <= field.maximum) && (field.kind !== "integer" || Number.isInteger(value));
  if (input.value === "" || !fits) refuse(field, `needs a${field.kind === "integer" ? " whole" : ""} number${field.range ? `, ${field.range}` : ""}`);
  return value;
}

function wordsOf(field) {
  const chosen = boxes(field).filter((box) => box.checked).map((box) => box.value);
  if (chosen.length === 0) throw new Refusal(0, `choose at least one of the ${field.label.toLowerCase()}`, null);
  return field.optional && chosen.length === boxes(field).length ? null : chosen;
}

const pieces = (text) => text.split(",").map((piece) => piece.trim()).filter(Boolean);

function numbersOf(field) {
  const pairs = pieces(by(field.key).value).map((piece) => piece.split("=").map((side) => side.trim()));
  for (const [name, number, ...more] of pairs) {
    const good = field.choices.includes(name) && number && Number.isFinite(Number(number)) && more.length === 0;
    if (!good) refuse(field, `are written like ${field.example}, for ${field.choices.join(", ")}`);
  }
  return Object.fromEntries(pairs.map(([name, number]) => [name, Number(number)]));
}

function valueOf(field) {
  if (field.word && by(`${field.key}-${field.word}`).checked) return field.word;
  if (isNumber(field)) return numberOf(field);
  if (field.kind === "switch") return by(field.key).checked;
  if (field.kind === "words") return wordsOf(field);
  if (field.kind === "texts") return pieces(by(field.key).value);
  if (field.kind === "numbers") return numbersOf(field);
  const text = by(field.key).value.trim();
  return field.optional ? text || null : text;
}

// The options as the daemon takes them. Throws a Refusal that names the field, and points at it.
export function options() {
  for (const input of by("form").querySelectorAll("input")) input.removeAttribute("aria-invalid");
  return Object.fromEntries(fields.map((field) => [field.key, valueOf(field)]));
}

export const wantsPush = () => by("push").checked;

function showNumber(field, value) {
  const input = by(field.key);
  if (field.word) {
    by(`${field.key}-${field.word}`).checked = input.disabled = value === field.word;
    if (value === field.word) return;
  }
  input.step = field.step ?? "any";
  input.value = value ?? "";
  if (isSlider(field)) {
    if (Number(input.value) !== value) Object.assign(input, { step: "any", value }); // between two steps
    showSlider(field);
  }
}

function showOne(field, value) {
  if (isNumber(field)) showNumber(field, value);
  else if (field.kind === "switch") by(field.key).checked = value;
  else if (field.kind === "words") for (const box of boxes(field)) box.checked = value === null || value.includes(box.value);
  else if (field.kind === "texts") by(field.key).value = value.join(", ");
  else if (field.kind === "numbers") by(field.key).value = Object.entries(value).map((pair) => pair.join("=")).join(", ");
  else by(field.key).value = value ?? "";
}

// Puts the options of a score into the form.
export function show(wishes) {
  for (const field of fields) showOne(field, wishes[field.key]);
}

// What stands in the form now, right or wrong; the answer puts it back.
export function snapshot() {
  const kept = [...by("form").querySelectorAll("input, select")].map((input) => [input, input.value, input.checked, input.disabled]);
  return () => {
    for (const [input, value, checked, disabled] of kept) Object.assign(input, { value, checked, disabled });
    for (const field of fields.filter(isSlider)) showSlider(field);
  };
}
