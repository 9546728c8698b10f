// The model page: the versions in the store, and the model card of one.

import { render } from "./markdown.js";
import { KeyWanted, call, models } from "./service.js";

const $ = (id) => document.getElementById(id);
const share = (value) => `${(100 * value).toFixed(2)} %`;
const many = new Intl.NumberFormat("en");

function element(kind, ...content) {
  const made = document.createElement(kind);
  made.append(...content);
  return made;
}

function versionRow(model, shown) {
  const name = `${model.name} ${model.version}`;
  const link = element("a", name);
  link.href = `?version=${model.version}`;
  const cell = model.state === "refused" ? name : link;
  if (model.version === shown) link.setAttribute("aria-current", "page");
  const state = model.default ? `${model.state}, the default` : model.state;
  const published = model.published_at ? new Date(model.published_at).toISOString().slice(0, 16).replace("T", " ") : "";
  return element(
    "tr",
    element("td", cell),
    element("td", model.reason ? `${state}: ${model.reason}` : state),
    element("td", model.accuracy === null ? "" : share(model.accuracy)),
    element("td", published),
  );
}

function figures(manifest) {
  const { metrics, acceptance, provenance } = manifest;
  return {
    "right on the test set, int8 as served": share(metrics.int8.accuracy),
    "right on the test set, float": share(metrics.float32.accuracy),
    "expected calibration error": share(metrics.int8.expected_calibration_error),
    "accepted from a score of": acceptance.threshold.toFixed(4),
    parameters: many.format(provenance.parameters),
    "multiply-accumulates an image": many.format(provenance.macs),
  };
}

async function picture(image, path) {
  try {
    image.src = URL.createObjectURL(await call(path, "blob"));
  } catch (error) {
    image.alt += ` (${error.message})`;
  }
}

async function show(version) {
  const manifest = await call(`/v1/models/${encodeURIComponent(version)}`);
  for (const [name, value] of Object.entries(figures(manifest))) {
    $("figures").append(element("div", element("dt", name), element("dd", value)));
  }
  const files = `/v1/models/${manifest.version}/files/`;
  render(await call(`${files}README.md`, "text"), $("card"), (image, name) => picture(image, files + name));
}

try {
  const all = await models();
  const asked = new URLSearchParams(location.search).get("version");
  const shown = asked || all.find((model) => model.default)?.version;
  $("versions").append(...all.map((model) => versionRow(model, Number(shown))));
  $("status").textContent = shown ? "" : "There is no model to show yet.";
  if (shown) await show(shown);
} catch (error) {
  $("status").className = "bad";
  if (error instanceof KeyWanted) {
    const link = element("a", "the drawing page");
    link.href = "/";
    $("status").replaceChildren(`This cannot be shown: ${error.message}. Enter it on `, link, ", then come back.");
  } else {
    $("status").textContent = `This cannot be shown: ${error.message}`;
  }
}
