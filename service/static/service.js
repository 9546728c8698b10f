// The service's API, with the key where one is wanted.

import { keep, kept } from "./tab.js";

const LATER = [408, 429]; // answers after which the same may be sent again, beside those of proxies
const KEY = "digits-api-key";
const PATIENCE = 10_000; // milliseconds for an answer
const PACE = 250; // bytes that are sent in a millisecond, on a slow line
const LIKELY = 0.5; // probability of a number that is shown though it is not accepted
const NOT_OURS = "what answers there is not the digit service";

export class Refused extends Error {} // it will not take this; the message says why
export class KeyWanted extends Error {}
export class Away extends Error {} // no answer now, perhaps later

let key = kept(KEY) ?? "";

export function keepKey(text) {
  key = text;
  keep(KEY, text);
}

// What `read` makes of the answer to a request: "json", "text" or "blob".
export async function call(path, read = "json", options = {}) {
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  const patience = PATIENCE + (options.body?.size ?? 0) / PACE;
  const end = new AbortController(); // not AbortSignal.any, which browsers of 2023 lack
  const late = setTimeout(() => end.abort(new DOMException("", "TimeoutError")), patience);
  const stop = () => end.abort();
  options.signal?.addEventListener("abort", stop);
  if (options.signal?.aborted) stop();
  let response, content;
  try {
    response = await fetch(path, { ...options, headers, signal: end.signal });
    content = await response[response.ok ? read : "json"]();
  } catch (error) {
    if (error.name === "TimeoutError") throw new Away("no answer in time");
    if (error instanceof SyntaxError) throw byAnother(response.status);
    throw new Away(response ? "the connection broke" : "nothing answers there");
  } finally {
    clearTimeout(late);
    options.signal?.removeEventListener("abort", stop);
  }
  if (response.ok) return content;
  if (response.status === 401) throw new KeyWanted(key ? "it does not know this API key" : "it wants an API key");
  if (typeof content?.detail !== "string") throw byAnother(response.status);
  throw response.status >= 500 || LATER.includes(response.status) ? new Away(content.detail) : new Refused(content.detail);
}

// What an answer means that is not the service's: a proxy may be in front of it.
function byAnother(status) {
  if (status === 413) return new Refused("It is too large for the proxy in front of the service.");
  return new Away([...LATER, 502, 503, 504].includes(status) ? `the proxy in front of it answers ${status}` : NOT_OURS);
}

// Ends without an answer where `signal` says so.
export async function predict(image, details, signal) {
  const started = performance.now();
  const request = { method: "POST", body: image, signal, headers: { "Content-Type": image.type || "image/unknown" } };
  const query = details ? "?details=true" : "";
  const answer = await call(`/v1/predict/image${query}`, "json", request);
  const prediction = answer?.predictions?.[0];
  if (prediction?.probabilities?.length !== 10 || !answer.model) throw new Away(NOT_OURS);
  const number = await several(request, query, !prediction.accepted);
  return { model: answer.model, prediction, number, milliseconds: performance.now() - started };
}

// The several digits in an image, where there are.
async function several(request, query, unsure) {
  try {
    const number = await call(`/v1/numbers/image${query}`, "json", request);
    const likely = number.accepted || (unsure && number.confidence >= LIKELY);
    return likely && number.digits.length > 1 ? number : null;
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
}

export async function models() {
  const found = (await call("/v1/models"))?.models;
  if (!Array.isArray(found)) throw new Away(NOT_OURS);
  return found;
}
