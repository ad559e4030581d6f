// Talks to the daemon. Every failure becomes a Refusal with words for the user.

export class Refusal extends Error {
  constructor(status, message, hint) {
    super(message);
    this.status = status;
    this.hint = hint;
  }

  get sentence() {
    const text = this.message[0].toUpperCase() + this.message.slice(1) + ".";
    return this.hint ? `${text} ${this.hint[0].toUpperCase()}${this.hint.slice(1)}.` : text;
  }
}

const AWAY = new Refusal(0, "the daemon does not answer", "is it running? v2m-bridge serve");

function refusal(status, text) {
  try {
    const { message, hint } = JSON.parse(text).error;
    return new Refusal(status, message, hint);
  } catch {
    return new Refusal(status, `the daemon answered ${status}`, null);
  }
}

async function ask(method, path, body) {
  let answer;
  try {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw AWAY;
  }
  if (!answer.ok) throw refusal(answer.status, await answer.text());
  return answer.status === 204 ? null : answer.json();
}

export const health = () => ask("GET", "/v1/health");
export const choices = () => ask("GET", "/v1/choices");
export const scores = (before) => ask("GET", "/v1/scores?limit=50" + (before ? `&before=${before}` : ""));
export const score = (id) => ask("GET", `/v1/scores/${id}`);
export const submit = (request) => ask("POST", "/v1/scores", request);
export const cancel = (id) => ask("DELETE", `/v1/scores/${id}`);
export const remove = (id) => ask("DELETE", `/v1/scores/${id}?purge=true`);
export const push = (id) => ask("POST", `/v1/scores/${id}/push`);
export const signOut = () => ask("DELETE", "/v1/session");
export const artifact = (id, name) => `/v1/scores/${id}/artifacts/${encodeURIComponent(name)}`;

// fetch() cannot say how much of a file has been sent, XMLHttpRequest can.
export function upload(file, told) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/uploads?name=" + encodeURIComponent(file.name));
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) => event.lengthComputable && told(event.loaded / event.total);
    request.onload = () =>
      request.status === 201 ? resolve(JSON.parse(request.responseText)) : reject(refusal(request.status, request.responseText));
    request.onerror = () => reject(AWAY);
    request.send(file);
  });
}

// News of all scores. `lost` is called when the stream breaks; the browser connects again by itself.
export function listen({ opened, state, progress, removed, lost }) {
  const stream = new EventSource("/v1/events");
  stream.onopen = opened;
  stream.onerror = lost;
  stream.addEventListener("state", (event) => state(JSON.parse(event.data)));
  stream.addEventListener("progress", (event) => progress(JSON.parse(event.data)));
  stream.addEventListener("removed", (event) => removed(JSON.parse(event.data).id));
  return stream;
}
