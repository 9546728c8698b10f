// The paper: strokes of a round pen, which can be undone, or an image from elsewhere.

const UNITS = 400; // the paper's shorter side
const SHEETS = 100; // that are remembered: as often can be undone
const REMEMBERED = 200 * 2 ** 20; // bytes of the photos among them
const SENT = 320; // pixels of the shorter side of what is sent
const DOT = 0.01; // pixels that a line is longer: of no length it would not be drawn
const LETTERS = 12; // pixels of what is written beside a frame

export class Paper extends EventTarget {
  // Events: "pen" where a line is begun, but with a finger, "ink" where there is more on it, "sheet" where the sheet is another.

  #canvas;
  #sheets = [[]]; // each an array of strokes, or a photo
  #at = 0;
  #line = null; // under the pen
  #pen = null; // where the pen of the keyboard is
  #marks = [];
  width = 20;

  constructor(canvas) {
    super();
    this.#canvas = canvas;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "lostpointercapture"]) canvas.addEventListener(end, (event) => this.#up(event));
    canvas.addEventListener("pointercancel", (event) => this.#cancel(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#putKeyboardPenAway());
    new ResizeObserver(() => this.#show()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#show());
    this.#followResolution();
  }

  #followResolution() { // of the screen, or of the browser's zoom
    const now = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    now.addEventListener("change", () => { this.#show(); this.#followResolution(); }, { once: true });
  }

  get #sheet() { return this.#sheets[this.#at]; }
  get #strokes() { return Array.isArray(this.#sheet) ? this.#sheet : []; }
  get photo() { return Array.isArray(this.#sheet) || this.#line ? null : this.#sheet; } // drawing begins a new sheet
  get strokes() { // {points, width} of each; the last that were drawn, where a photo is on top
    return this.photo ? this.#sheets.slice(0, this.#at).findLast(Array.isArray) ?? [] : this.#all;
  }
  get #all() { return this.#line ? [...this.#strokes, this.#line] : this.#strokes; }
  get #drawing() { return Number.isInteger(this.#line?.pointer); } // not with the keyboard
  get drawing() { return this.#line !== null; } // a line is under the pen
  get empty() { return !this.photo && this.#all.length === 0; }
  get readable() { return this.photo !== null || this.#all.some((stroke) => stroke.points.length > 1); }
  get undoable() { return this.#at > 0; }
  get redoable() { return this.#at + 1 < this.#sheets.length; }

  undo() { this.#go(-1); }
  redo() { this.#go(+1); }
  clear() {
    this.#lift();
    if (!this.empty) this.#take([]);
  }
  restore(strokes) { // of another visit; undo leads to empty paper
    this.#take(strokes);
  }
  lay(photo) { // {file, bitmap, whole: whether the service takes the file as it is}
    this.#lift();
    this.#take({ ...photo, paper: paperOf(photo.bitmap) });
  }

  get image() { // what is to be read, as a file
    if (!this.photo) return this.png();
    return this.photo.whole ? this.photo.file : this.photo.shown ??= jpeg(this.photo);
  }

  mark(digits) { // frames of what was read: {box of the PNG, text, accepted}; until there is other ink
    if (digits.length + this.#marks.length === 0) return;
    this.#marks = this.photo ? [] : digits;
    this.#show();
  }

  png() { // the drawing, dark on white
    const { width, height } = this.#canvas.getBoundingClientRect();
    const unit = SENT / UNITS;
    const pixels = SENT / Math.min(width, height);
    const sheet = document.createElement("canvas");
    [sheet.width, sheet.height] = [Math.round(width * pixels), Math.round(height * pixels)];
    const pen = sheet.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, sheet.width, sheet.height);
    draw(pen, this.#all, unit, "#000");
    return fileOf(sheet, "image/png");
  }

  #go(step) {
    this.#lift();
    if (!(this.#at + step in this.#sheets)) return;
    this.#at += step;
    this.#changed("sheet");
  }

  #take(sheet) {
    this.#keep(sheet);
    this.#changed("sheet");
  }

  #keep(sheet) {
    const gone = this.#sheets.splice(this.#at + 1, Infinity, sheet);
    while (this.#sheets.length > SHEETS || this.#bytes > REMEMBERED) gone.push(this.#sheets.shift());
    for (const { bitmap } of gone) bitmap?.close();
    this.#at = this.#sheets.length - 1;
  }

  get #bytes() {
    const photos = this.#sheets.filter((sheet) => !Array.isArray(sheet));
    return photos.reduce((sum, { file, bitmap }) => sum + file.size + 4 * bitmap.width * bitmap.height, 0);
  }

  #changed(what) {
    this.#show();
    this.dispatchEvent(new Event(what));
  }

  #unit() {
    const { width, height } = this.#canvas.getBoundingClientRect();
    return Math.min(width, height) / UNITS;
  }

  #point(event) {
    const { left, top } = this.#canvas.getBoundingClientRect();
    const edge = this.#canvas.clientLeft;
    return [(event.clientX - left - edge) / this.#unit(), (event.clientY - top - edge) / this.#unit()];
  }

  #down(event) {
    if (event.button !== 0) return;
    getSelection().removeAllRanges(); // else the browser drags the text that is selected, and takes the pen away
    if (this.#drawing) {
      if (event.pointerType !== "pen" || !this.#line.touch) return; // a palm beside the pen
      this.#takeBack(); // the palm was first
    }
    this.#putKeyboardPenAway();
    this.#canvas.setPointerCapture(event.pointerId);
    this.#begin(this.#point(event), event.pointerId, event.pointerType === "touch");
  }

  #begin(point, pointer, touch = false) {
    this.#lift();
    const { photo } = this;
    this.#line = { points: [point], width: this.width, pointer, touch };
    if (!touch) this.dispatchEvent(new Event("pen")); // a palm may be taken back
    if (photo) this.#changed("sheet");
    else this.#show();
  }

  #move(event) {
    if (!this.#line || this.#line.pointer !== event.pointerId) return; // another finger, or no pen on the paper
    if (!(event.buttons & 1)) return this.#lift(); // it was let go where we could not see it
    const events = event.getCoalescedEvents?.() ?? [];
    this.#line.points.push(...(events.length ? events : [event]).map((one) => this.#point(one)));
    this.#changed("ink");
  }

  #up(event) {
    if (this.#line?.pointer === event.pointerId) this.#lift();
  }

  #cancel(event) { // the system takes a touch for a palm's, most often
    if (this.#line?.pointer !== event.pointerId) return;
    if (this.#line.touch) this.#takeBack();
    else this.#lift();
  }

  #takeBack() { // as undo does: it can be done again, unless there is something else to redo
    if (!this.redoable) {
      this.#lift();
      return this.undo();
    }
    this.#line = null;
    this.#changed("sheet");
  }

  #lift() {
    if (!this.#line) return;
    const strokes = this.#all;
    this.#line = null;
    this.#keep(strokes);
    this.#changed("ink");
  }

  #key(event) {
    const step = event.shiftKey ? 20 : 5;
    const way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(way || event.key === " ")) return;
    event.preventDefault();
    if (this.#drawing) return;
    if (!way && event.repeat) return; // Space is held down
    this.#pen ??= [UNITS / 2, UNITS / 2];
    if (!way) {
      if (this.#line) this.#lift();
      else this.#begin([...this.#pen], null);
    } else {
      const unit = this.#unit();
      const size = [this.#canvas.clientWidth / unit, this.#canvas.clientHeight / unit];
      this.#pen = this.#pen.map((place, axis) => Math.min(Math.max(place + way[axis], 0), size[axis]));
      if (this.#line) {
        this.#line.points.push([...this.#pen]);
        this.#changed("ink");
      }
    }
    this.#show();
  }

  #putKeyboardPenAway() {
    if (!this.#pen) return;
    if (this.#line?.pointer === null) this.#lift();
    this.#pen = null;
    this.#show();
  }

  #show() {
    const canvas = this.#canvas;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = width * devicePixelRatio;
    canvas.height = height * devicePixelRatio;
    const pen = canvas.getContext("2d");
    const unit = this.#unit() * devicePixelRatio;
    const ink = getComputedStyle(canvas).color;
    if (this.photo) {
      const image = this.photo.bitmap;
      const fit = Math.min(canvas.width / image.width, canvas.height / image.height);
      const [across, down] = [image.width * fit, image.height * fit];
      const place = [(canvas.width - across) / 2, (canvas.height - down) / 2, across, down];
      pen.fillStyle = this.photo.paper;
      pen.fillRect(...place);
      pen.drawImage(image, ...place);
    }
    draw(pen, this.#all, unit, ink);
    frame(pen, this.#marks, Math.min(canvas.width, canvas.height) / SENT, canvas);
    if (this.#pen) cross(pen, this.#pen.map((place) => place * unit), unit, this.#line ? ink : "#888");
  }
}

// Not toBlob, which waits for the browser to be idle: a second, now and then.
function fileOf(canvas, type) {
  const bytes = Uint8Array.from(atob(canvas.toDataURL(type).split(",")[1]), (sign) => sign.charCodeAt(0));
  return new Blob([bytes], { type });
}

function jpeg({ bitmap, paper }) {
  const sheet = document.createElement("canvas");
  [sheet.width, sheet.height] = [bitmap.width, bitmap.height];
  const pen = sheet.getContext("2d");
  pen.fillStyle = paper;
  pen.fillRect(0, 0, sheet.width, sheet.height);
  pen.drawImage(bitmap, 0, 0);
  return fileOf(sheet, "image/jpeg");
}

// What an image lies on where it is transparent, as in the service: black where what can be seen is itself light; the
// sheet's own colour where that fills its box.
function paperOf(image) {
  const sketch = document.createElement("canvas");
  const fit = Math.min(1, 256 / Math.max(image.width, image.height));
  [sketch.width, sketch.height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * fit)));
  const pen = sketch.getContext("2d");
  pen.drawImage(image, 0, 0, sketch.width, sketch.height);
  const { data } = pen.getImageData(0, 0, sketch.width, sketch.height);
  const places = [...Array(data.length / 4).keys()];
  const most = places.reduce((opacity, place) => Math.max(opacity, data[4 * place + 3]), 0);
  const visible = places.filter((place) => data[4 * place + 3] > most / 2);
  const columns = new Set(visible.map((place) => place % sketch.width));
  const rows = new Set(visible.map((place) => Math.floor(place / sketch.width)));
  const [across, down] = [columns, rows].map((set) => Math.max(...set) - Math.min(...set) + 1);
  const greys = visible.map((place) => 0.299 * data[4 * place] + 0.587 * data[4 * place + 1] + 0.114 * data[4 * place + 2]);
  greys.sort((one, other) => one - other);
  const typical = greys[Math.floor(greys.length / 2)];
  const ranges = [0, 1, 2].map((channel) => {
    const levels = visible.map((place) => data[4 * place + channel]).sort((one, other) => one - other);
    return levels[levels.length - 1] - levels[0];
  });
  if (visible.length > 0.78 * across * down && Math.max(...ranges) > 64) return `rgb(${typical} ${typical} ${typical})`;
  return typical > 127 ? "#000" : "#fff";
}

// Curves through the middles between points, with the points as their controls: no corner where none was drawn.
function draw(pen, strokes, unit, colour) {
  Object.assign(pen, { lineCap: "round", lineJoin: "round", strokeStyle: colour });
  for (const { points, width } of strokes) {
    pen.lineWidth = width * unit;
    pen.beginPath();
    pen.moveTo(points[0][0] * unit, points[0][1] * unit);
    for (let i = 1; i + 1 < points.length; i++) {
      const [[x, y], [nextX, nextY]] = [points[i], points[i + 1]];
      pen.quadraticCurveTo(x * unit, y * unit, ((x + nextX) / 2) * unit, ((y + nextY) / 2) * unit);
    }
    const last = points[points.length - 1];
    pen.lineTo(last[0] * unit + DOT, last[1] * unit);
    pen.stroke();
  }
}

function frame(pen, marks, scale, canvas) {
  const style = getComputedStyle(canvas);
  for (const { box, text, accepted } of marks) {
    const colour = style.getPropertyValue(accepted ? "--good" : "--bad");
    Object.assign(pen, { lineWidth: 2 * devicePixelRatio, strokeStyle: colour, fillStyle: colour });
    pen.font = `${LETTERS * devicePixelRatio}px system-ui`;
    const gap = 4 * devicePixelRatio;
    const [left, top] = [box.x * scale - gap, box.y * scale - gap];
    const [across, down] = [box.width * scale + 2 * gap, box.height * scale + 2 * gap];
    pen.strokeRect(left, top, across, down);
    const high = LETTERS * devicePixelRatio + gap;
    const feet = [top - gap, top + down + high, Math.max(0, top) + high]; // above the frame, below it, else within
    const foot = feet.find((place) => place >= high && place <= canvas.height - gap) ?? high;
    pen.fillText(text, Math.max(0, Math.min(left, canvas.width - pen.measureText(text).width)), foot);
  }
}

function cross(pen, [x, y], unit, colour) {
  Object.assign(pen, { lineWidth: 2 * unit, strokeStyle: colour });
  pen.beginPath();
  for (const [dx, dy] of [[12, 0], [0, 12]]) {
    pen.moveTo(x - dx * unit, y - dy * unit);
    pen.lineTo(x + dx * unit, y + dy * unit);
  }
  pen.stroke();
}
