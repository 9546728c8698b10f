// The drawing page: every change is sent, one request at a time, and always the newest.

import { Paper } from "./drawing.js";
import { Away, KeyWanted, Refused, keepKey, models, predict } from "./service.js";
import { keep, kept } from "./tab.js";
import { likeliest, ofNumber, percent, sentence } from "./words.js";

const DRAWING = "digits-drawing"; // kept for the tab while another page is in it
const HINT = "Draw a digit, or a number.";
const RETRY = 1000; // milliseconds between two tries while the service is away
const WATCH = 5000; // between two looks whether it is still there
const NOTICE = 8000; // how long a word about a file stands, unless something is drawn

const LARGEST = 20 * 2 ** 20; // bytes of a file
const SHOWN = 2000; // pixels of the longer side of what is shown of it, and sent
const TAKEN = /^image\/(png|jpeg|webp|gif|bmp|tiff)$/; // by the service
const LATE = 500; // milliseconds after which the answer to less ink is none any more
const SEEN = 6; // times that a pixel of the 28×28 image is shown wide and high, where there is but one

const $ = (id) => document.getElementById(id);
const paper = new Paper($("paper"));
const bars = Array.from({ length: 10 }, (_, digit) => {
  const row = document.createElement("li");
  const [name, bar, share] = ["b", "i", "span"].map((kind) => document.createElement(kind));
  name.textContent = digit;
  row.append(name, bar, share);
  $("bars").append(row);
  return { bar, share };
});

let sheet = 0; // counts the sheets of paper
let asked = new AbortController(); // for what is on this one
let waiting = false; // whether there is something newer to be read than what is under way
let wake = () => {};
let opened = 0; // counts the files that were opened
let passed = 0; // files up to this one come too late: what is on the paper is newer
let stale = false; // whether there is more ink than what was answered
let noticed = -NOTICE; // when a file was last said to be unreadable

function send() {
  noticed = -NOTICE;
  waiting = paper.readable;
  wake();
}

function goOn() {
  tidy();
  stale ||= paper.drawing;
  if ($("digit").textContent === "") show(null, paper.readable ? "Reading …" : "Too little to read yet.");
  send();
}

function turn() {
  sheet += 1;
  asked.abort();
  asked = new AbortController();
  show(null, paper.readable ? "Reading …" : HINT);
  send();
}

function show(answer, hint = "") {
  const prediction = answer?.prediction;
  const ranked = prediction && likeliest(prediction);
  const number = answer?.number;
  const digit = prediction && (prediction.accepted ? ranked[0] : `${ranked[0]} / ${ranked[1]}?`);
  put("digit", number ? number.number + (number.accepted ? "" : "?") : digit ?? "");
  const length = number?.number.length ?? 0;
  $("digit").className = length > 8 ? "longer" : length > 3 ? "long" : number || !prediction || prediction.accepted ? "" : "doubtful";
  put("sentence", number ? ofNumber(number) : prediction ? sentence(prediction) : hint);
  const shares = number ? null : prediction?.probabilities;
  bars.forEach(({ bar, share }, place) => {
    bar.style.setProperty("--share", `${100 * (shares?.[place] ?? 0)}%`);
    share.textContent = shares ? percent(shares[place]) : "";
  });
  paper.mark(number?.digits.map(({ box, confidence, accepted }) => ({ box, accepted, text: percent(confidence) + (accepted ? "" : " ?") })) ?? []);
  look(number?.digits ?? (prediction ? [prediction] : []));
  $("source").textContent = answer
    ? (number?.digits.map((one) => `${one.digit}: ${percent(one.confidence)}. `).join("") ?? "") + `Model ${answer.model.name} ${answer.model.version}, answered in ${answer.milliseconds.toFixed(0)} ms. ` +
      ((number ?? prediction).accepted ? "Accepted." : "Not accepted: better to ask than to rely on it.")
    : "No answer yet.";
}

// The images that the networks saw, in rows, all as large as there is room for; of very many the first.
function look(digits) {
  const seen = digits.filter((one) => one.normalised).slice(0, SEEN ** 2);
  const columns = Math.ceil(Math.sqrt(seen.length));
  const side = 28 * Math.floor(SEEN / Math.max(1, columns));
  $("seen").style.setProperty("--columns", columns);
  $("seen").replaceChildren(...seen.map(({ digit, normalised }) => {
    const image = new Image(side, side);
    image.src = `data:image/png;base64,${normalised}`;
    image.alt = `The 28 by 28 image that the network reads as ${digit}`;
    return image;
  }));
}

function say(kind, text) {
  $("status").className = kind;
  put("status", `● ${text}`);
}

function put(id, text) {
  if ($(id).textContent !== `${text}`) $(id).textContent = text; // else a screen reader would say it again
}

async function connect() {
  const model = (await models()).find((one) => one.default);
  if (!model) throw new Away("it has no model yet");
  const accuracy = model.accuracy ? `, ${(100 * model.accuracy).toFixed(2)} % right on MNIST’s test set` : "";
  $("enter-key").hidden = true;
  if (performance.now() < noticed + NOTICE) return;
  say("good", `Connected · model ${model.name} ${model.version}${accuracy}`);
}

async function deliver() {
  if (waiting) {
    const from = sheet;
    waiting = false; // more ink, from here on, is sent next
    const late = stale && setTimeout(() => show(null, "Reading …"), LATE);
    stale = false;
    try {
      const answer = await predict(paper.image, $("details").open, asked.signal);
      if (from === sheet) show(answer);
    } catch (error) {
      if (from !== sheet) return;
      if (!(error instanceof Refused)) {
        waiting = true;
        throw error;
      }
      show(null, error.message);
    } finally {
      clearTimeout(late);
    }
    if ($("status").className === "good") return;
  }
  await connect();
}

function lose(error) {
  noticed = -NOTICE;
  const locked = error instanceof KeyWanted;
  if (locked && $("enter-key").hidden && !$("key").open) $("key").showModal();
  $("enter-key").hidden = !locked;
  say("bad", `No answer: ${error.message.replace(/\.$/, "")}.${locked ? "" : " The drawing stays; trying again …"}`);
  if (waiting) show(null, locked ? "Not read yet: a key is wanted." : "Waiting for the service …");
}

async function run() {
  for (;;) {
    try {
      await deliver();
    } catch (error) { // whatever it is, what is drawn next is to be read
      lose(error);
      await new Promise((resolve) => setTimeout(resolve, RETRY));
      continue;
    }
    if (!waiting) {
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, WATCH);
      });
    }
  }
}

async function open(file) {
  if (!file) return;
  if (!(file instanceof File)) return refuse(file, "it is no image");
  if (file.size > LARGEST) return refuse(file, "it is larger than 20 MiB");
  const mine = ++opened;
  const content = await file.arrayBuffer().catch(() => null); // what the file is now: it may change on the disk, or go
  const copy = content && new File([content], file.name, { type: file.type });
  const whole = copy && await createImageBitmap(copy).catch(() => null);
  const bitmap = whole && await reduced(whole).catch(() => null);
  if (mine <= passed) return bitmap?.close(); // something newer is on the paper
  if (!bitmap) return refuse(file, "it is no image, or of a kind that browsers do not know");
  paper.lay({ file: copy, bitmap, whole: bitmap === whole && TAKEN.test(copy.type) });
  passed = mine; // one that was opened later may still come
}

function refuse(file, reason) {
  noticed = performance.now();
  say("bad", `${file.name} cannot be opened: ${reason}. The drawing stays.`);
}

async function reduced(bitmap) { // what is shown is kept, perhaps a hundred times
  const factor = SHOWN / Math.max(bitmap.width, bitmap.height);
  if (factor >= 1) return bitmap;
  const [resizeWidth, resizeHeight] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * factor)));
  const small = await createImageBitmap(bitmap, { resizeWidth, resizeHeight, resizeQuality: "medium" });
  bitmap.close();
  return small;
}

function tidy() {
  $("undo").disabled = !paper.undoable;
  $("redo").disabled = !paper.redoable;
  $("clear").disabled = $("save").disabled = paper.empty;
  if (document.activeElement?.disabled) $("paper").focus({ preventScroll: true }); // not lost to those who use the keyboard
}

function widen(step) {
  $("pen").valueAsNumber += step;
  paper.width = $("pen").valueAsNumber;
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(paper.photo?.file ?? paper.png());
  link.download = paper.photo?.file.name ?? "digit.png";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), RETRY);
}

for (const event of ["pen", "ink", "sheet"]) paper.addEventListener(event, () => { passed = opened; });
paper.addEventListener("ink", goOn);
paper.addEventListener("sheet", () => { tidy(); turn(); });
$("undo").addEventListener("click", () => paper.undo());
$("redo").addEventListener("click", () => paper.redo());
$("clear").addEventListener("click", () => paper.clear());
$("save").addEventListener("click", save);
$("pen").addEventListener("input", () => widen(0));
$("file").addEventListener("change", (event) => {
  open(event.target.files[0]);
  event.target.value = ""; // the same file may be opened again
});
$("details").addEventListener("toggle", send);

addEventListener("keydown", (event) => {
  if ($("key").open) return;
  const control = event.ctrlKey || event.metaKey;
  const foreign = /^(?!\p{Script=Latin})\p{L}$/u.test(event.key); // then the keys in the places of Latin letters do
  const key = (foreign ? event.code.replace("Key", "") : event.key).toLowerCase();
  if (control && key === "z" && !event.shiftKey) paper.undo();
  else if (control && (key === "y" || key === "z")) paper.redo();
  else if (key === "delete" || key === "backspace") paper.clear();
  else if ((key === "[" || key === "]") && !event.metaKey && event.ctrlKey === event.altKey) { // AltGr is both
    widen(key === "[" ? -2 : 2);
  }
  else return;
  event.preventDefault();
});
addEventListener("paste", (event) => {
  if (!$("key").open) open(event.clipboardData.files[0] ?? { name: "What was copied" });
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", () => document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  open(event.dataTransfer.files[0] ?? { name: "What was dropped" });
});

$("enter-key").addEventListener("click", () => $("key").showModal());
$("key-cancel").addEventListener("click", () => $("key").close());
$("key").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("key-text").value.trim() === "") return;
  keepKey($("key-text").value.trim());
  $("key-text").value = "";
  $("key").close();
  send();
});

// What is drawn is kept while the page is out of sight: another may come into the tab, or the browser end it.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) keep(DRAWING, paper.strokes.length ? JSON.stringify(paper.strokes) : null);
  else keep(DRAWING, null);
});
addEventListener("pageshow", () => {
  const drawing = kept(DRAWING);
  keep(DRAWING, null);
  if (drawing === null || drawing === JSON.stringify(paper.strokes)) return;
  try {
    const strokes = JSON.parse(drawing);
    if (strokes.every(({ points, width }) => points.length && width > 0)) paper.restore(strokes);
  } catch { /* of another version of this page */ }
});

widen(0); // the browser may have kept it
tidy();
show(null, HINT);
run();
