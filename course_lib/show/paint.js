// The browser's half of show/paint.py: a picture of large dots, painted with the mouse or with the keys.
//
// One Easel belongs to one widget, however often it is displayed: it has the picture, the brush, and the strokes that
// can be undone. Each Display is one place on the page, with a cursor for the keys.

const UNDO = 50; // strokes that can be undone
const FAR = 5; // dots that an arrow key goes with Shift
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export default () => {
  let easel;
  return {
    initialize({ model }) {
      easel = new Easel(model);
      return () => easel.stop();
    },
    render({ el }) {
      const display = new Display(easel, el);
      return () => display.remove();
    },
  };
};

class Easel {
  constructor(model) {
    this.model = model;
    this.settings = model.get("settings");
    this.colour = 0; // its place among the colours
    this.brush = 3;
    this.before = null; // the picture before the stroke that is being painted
    this.history = []; // the pictures before the strokes that can be undone, the newest last
    this.waiting = false; // for the kernel to enter the picture
    this.error = "";
    this.displays = new Set();
    this.load = () => {
      if (this.before) return; // the stroke that is being painted is newer
      this.picture = bytes(model.get("pixels"));
      this.draw();
    };
    this.hear = (content) => this.answered(content);
    model.on("change:pixels", this.load);
    model.on("msg:custom", this.hear);
    this.load();
  }

  stop() {
    this.model.off("change:pixels", this.load);
    this.model.off("msg:custom", this.hear);
  }

  // ---- painting: every change of the picture is a stroke, from begin() to lift()

  begin() {
    this.before ??= this.picture.slice();
  }

  dab(column, row) {
    const { width, height, colours } = this.settings;
    const [, rgb] = colours[this.colour];
    const reach = (this.brush - 1) / 2;
    for (let y = Math.max(0, row - reach); y <= Math.min(height - 1, row + reach); y++) {
      for (let x = Math.max(0, column - reach); x <= Math.min(width - 1, column + reach); x++) {
        this.picture.set(rgb, 3 * (y * width + x));
      }
    }
    this.draw();
  }

  lift() {
    const { before } = this;
    this.before = null;
    if (!before || before.every((value, i) => value === this.picture[i])) return; // nothing that could be undone
    this.history.push(before);
    if (this.history.length > UNDO) this.history.shift();
    this.save(); // once a stroke, not once a dot
  }

  clear() {
    this.lift();
    this.begin();
    this.picture = bytes(this.model.get("beginning"));
    this.lift();
  }

  // Whether there was a stroke to undo.
  undo() {
    this.lift();
    if (!this.history.length) return false;
    this.picture = this.history.pop();
    this.save();
    return true;
  }

  save() {
    this.model.set("pixels", new DataView(this.picture.slice().buffer));
    this.model.save_changes();
    this.draw();
  }

  // ---- entering

  enter() {
    this.lift();
    this.waiting = true;
    // The picture goes with the question: a stroke that was saved just now may reach the kernel later than this.
    this.model.send({ kind: "enter" }, undefined, [this.picture.slice().buffer]);
    this.update();
  }

  answered(content) {
    this.waiting = false;
    this.error = content.kind === "error" ? content.text : "";
    this.update();
    if (!this.error) this.displays.forEach((display) => display.say(`${this.settings.enter}: done`));
  }

  draw() {
    this.displays.forEach((display) => display.draw());
  }

  update() {
    this.displays.forEach((display) => display.update());
  }
}

class Display {
  constructor(easel, el) {
    this.easel = easel;
    this.column = this.row = 0; // of the cursor
    this.choices = []; // [button, whether it is the one chosen]
    this.root = make("div", "course-painter-root", el, { role: "group", "aria-label": "Painting" });
    this.build(easel.settings);
    this.listen();
    easel.displays.add(this);
    this.draw();
    this.update();
  }

  remove() {
    this.easel.lift(); // what is being painted is kept
    this.easel.displays.delete(this);
    this.root.remove();
  }

  build({ width, height, scale, colours, enter }) {
    const { easel } = this;
    const frame = make("div", "course-painter-frame", this.root);
    this.picture = make("canvas", "course-painter-picture", frame, {
      width,
      height,
      tabindex: 0,
      role: "application", // the arrow keys come here, not to the screen reader
      "aria-label":
        `A picture of ${width} by ${height} dots to paint: the arrow keys move the cursor, with Shift by ${FAR} dots; ` +
        `Space or Enter paints; the keys 1 to ${Math.min(9, colours.length)} choose the colour; Ctrl+Z undoes`,
    });
    this.picture.style.width = `${width * scale}px`;
    this.picture.style.height = `${height * scale}px`;
    this.pen = this.picture.getContext("2d");
    this.image = this.pen.createImageData(width, height);
    this.cursor = make("div", "course-painter-cursor", frame);
    this.cursor.style.width = this.cursor.style.height = `${scale}px`;
    this.cursor.hidden = true;

    const tools = make("div", "course-painter-tools", this.root);
    const group = (label) => make("div", "course-painter-group", tools, { role: "group", "aria-label": label });
    const ofColours = group("Colours");
    colours.forEach(([name, rgb], i) => {
      const button = this.choice(ofColours, name, () => (easel.colour = i), () => easel.colour === i);
      button.style.background = `rgb(${rgb})`;
      button.style.color = rgb[0] + rgb[1] + rgb[2] < 380 ? "#fff" : "#222";
      if (i < 9) button.setAttribute("aria-keyshortcuts", i + 1);
    });
    const ofBrush = group("Brush");
    for (const size of [1, 3]) {
      this.choice(ofBrush, `brush ${size}`, () => (easel.brush = size), () => easel.brush === size);
    }
    const ofPicture = group("Picture");
    this.button(ofPicture, "Undo", () => this.undo()).setAttribute("aria-keyshortcuts", "Control+Z");
    this.button(ofPicture, "Clear", () => {
      easel.clear();
      this.say("as in the beginning");
    });
    if (enter) this.entrance = this.button(ofPicture, enter, () => easel.enter());
    this.error = make("div", "course-painter-error", this.root, { role: "alert" });
    this.status = make("div", "course-painter-status", this.root, { "aria-live": "polite" });
  }

  button(group, text, act) {
    const button = make("button", "course-painter-button", group, { type: "button" });
    button.textContent = text;
    button.onclick = act;
    return button;
  }

  choice(group, text, choose, chosen) {
    const button = this.button(group, text, () => {
      choose();
      this.easel.update();
    });
    this.choices.push([button, chosen]);
    return button;
  }

  listen() {
    const { picture, easel } = this;
    const dab = (event) => {
      const { width, height } = easel.settings;
      const box = picture.getBoundingClientRect();
      const column = Math.floor(((event.clientX - box.left) / box.width) * width);
      const row = Math.floor(((event.clientY - box.top) / box.height) * height);
      easel.dab(column, row);
      this.put(column, row); // the keys go on where the mouse was
    };
    picture.addEventListener("pointerdown", (event) => {
      picture.focus({ preventScroll: true });
      this.cursor.hidden = true; // the mouse has its own
      picture.setPointerCapture(event.pointerId);
      easel.begin();
      dab(event);
    });
    picture.addEventListener("pointermove", (event) => easel.before && dab(event));
    for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => easel.lift());
    picture.addEventListener("focus", () => {
      this.cursor.hidden = false;
      this.say(this.place());
    });
    picture.addEventListener("blur", () => (this.cursor.hidden = true));
    this.root.addEventListener("keydown", (event) => {
      const act = this.meaning(event);
      if (!act) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    });
  }

  // What a key does here; null where it is none of the painter's and left to the notebook.
  meaning({ key, target, shiftKey, ctrlKey, metaKey, altKey }) {
    if (altKey) return null;
    if (ctrlKey || metaKey) return key.toLowerCase() === "z" && !shiftKey ? () => this.undo() : null;
    if (/^[1-9]$/.test(key)) return () => this.choose(Number(key) - 1);
    if (target !== this.picture) return null; // Space on a button belongs to that button
    if (key in MOVES) return () => this.move(MOVES[key], shiftKey ? FAR : 1);
    return (key === " " || key === "Enter") && !shiftKey ? () => this.paint() : null;
  }

  choose(place) {
    const { colours } = this.easel.settings;
    if (place >= colours.length) return this.say(`there are ${colours.length} colours`);
    this.easel.colour = place;
    this.easel.update();
    this.say(`colour ${colours[place][0]}`);
  }

  undo() {
    this.say(this.easel.undo() ? "undone" : "nothing to undo");
  }

  move([right, down], dots) {
    this.put(this.column + right * dots, this.row + down * dots);
    this.cursor.hidden = false;
    this.say(this.place());
  }

  paint() {
    this.easel.begin();
    this.easel.dab(this.column, this.row);
    this.easel.lift();
    this.cursor.hidden = false;
    this.say(this.place());
  }

  put(column, row) {
    const { width, height, scale } = this.easel.settings;
    this.column = Math.max(0, Math.min(width - 1, column));
    this.row = Math.max(0, Math.min(height - 1, row));
    this.cursor.style.left = `${this.column * scale}px`;
    this.cursor.style.top = `${this.row * scale}px`;
  }

  // Where the cursor is, and what is painted there.
  place() {
    const { width, colours } = this.easel.settings;
    const dot = 3 * (this.row * width + this.column);
    const there = this.easel.picture.slice(dot, dot + 3).join();
    const [name] = colours.find(([, rgb]) => rgb.join() === there) ?? ["another colour"];
    return `column ${this.column + 1}, row ${this.row + 1}, ${name}`;
  }

  say(text) {
    this.status.textContent = text;
  }

  draw() {
    const rgb = this.easel.picture;
    const rgba = this.image.data;
    for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
      rgba[to] = rgb[from];
      rgba[to + 1] = rgb[from + 1];
      rgba[to + 2] = rgb[from + 2];
      rgba[to + 3] = 255;
    }
    this.pen.putImageData(this.image, 0, 0);
  }

  update() {
    const { error, waiting } = this.easel;
    this.choices.forEach(([button, chosen]) => button.setAttribute("aria-pressed", chosen()));
    this.entrance?.setAttribute("aria-busy", waiting);
    const text = error && `This went wrong; what you painted is kept. ${error}`;
    if (text !== this.error.textContent) this.error.textContent = text; // an alert is read out whenever it is set
  }
}

// A copy of the picture that the model holds as a DataView, three bytes a dot.
function bytes(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
}

function make(tag, name, parent, attributes = {}) {
  const element = document.createElement(tag);
  element.className = name;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.appendChild(element);
  return element;
}
