// The service's API, with the key where one is wanted.

const KEY = "digits-api-key"; // in this tab's storage, gone with the tab
const PATIENCE = 10_000; // milliseconds for an answer

export class Refused extends Error {} // it will not take this; the message says why
export class KeyWanted extends Error {}
export class Away extends Error {} // no answer now, perhaps later

export function keepKey(key) {
  sessionStorage.setItem(KEY, key);
}

export async function call(path, options = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  let response;
  try {
    response = await fetch(path, { ...options, headers, signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    throw new Away(error.name === "TimeoutError" ? "no answer in time" : "nothing answers there");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const detail = problem.detail ?? `it answered with ${response.status}`;
  if (response.status === 401) throw new KeyWanted(detail);
  throw response.status >= 500 ? new Away(detail) : new Refused(detail);
}

export async function predict(image, details) {
  const started = performance.now();
  const response = await call(`/v1/predict/image${details ? "?details=true" : ""}`, {
    method: "POST",
    body: image,
    headers: { "Content-Type": image.type || "image/unknown" },
  });
  const { model, predictions } = await response.json();
  return { model, prediction: predictions[0], milliseconds: performance.now() - started };
}

export async function models() {
  return (await (await call("/v1/models")).json()).models;
}
