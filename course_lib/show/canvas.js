// The browser's half of show/canvas.py: it hears the keys, asks the kernel for steps at a steady pace, and draws.
//
// One Game belongs to one widget, however often it is displayed; each Display is one place on the page. The game asks
// at most `fps` times a second and never has more than IN_FLIGHT questions unanswered: a slow kernel slows the play
// down instead of letting the questions pile up, so that a key is always answered soon.

const IN_FLIGHT = 3;
const KEPT = 50; // delays kept for the median
const REPORT_MS = 500;
const SILENT_MS = 2000; // a kernel that is silent for longer is said to be busy
const GAP = 10; // dots between two pictures, as in canvas.css
const ROUND = 26; // dots that the frame around them takes
const SIGNS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "space" };

export default () => {
  let game;
  return {
    initialize({ model }) {
      game = new Game(model);
      return () => game.stop();
    },
    render({ el }) {
      const display = new Display(game, el);
      return () => display.remove();
    },
  };
};

class Game {
  constructor(model) {
    this.model = model;
    this.settings = model.get("settings");
    this.client = Math.random().toString(36).slice(2); // answers to another page's questions are not ours to count
    this.displays = new Set();
    this.playing = this.settings.autoplay;
    this.error = "";
    this.latest = null; // the last pictures, for a display that comes later
    this.captions = model.get("captions");
    this.held = []; // [source, action] of every key and button that is down, the newest last
    this.tapped = null; // an action whose key was already let go, but not yet asked for
    this.pressedAt = null; // when the key was pressed that the next question carries
    this.number = 0;
    this.unanswered = new Map(); // number -> {sentAt, pressedAt}
    this.due = 0;
    this.frames = 0;
    this.drawnAt = []; // of the last second
    this.delays = [];
    this.hear = (content, buffers) => this.answered(content, buffers);
    this.rename = () => this.displays.forEach((display) => display.update());
    this.tick = () => this.run();
    model.on("msg:custom", this.hear);
    model.on("change:names", this.rename);
    document.addEventListener("visibilitychange", this.tick);
  }

  stop() {
    this.playing = false;
    clearTimeout(this.timer);
    clearInterval(this.reporter);
    this.model.off("msg:custom", this.hear);
    this.model.off("change:names", this.rename);
    document.removeEventListener("visibilitychange", this.tick);
  }

  add(display) {
    this.displays.add(display);
    if (!this.reporter) this.reporter = setInterval(() => this.report(), REPORT_MS);
    if (this.latest) display.draw(this.latest);
    else {
      display.draw(this.model.get("opening"));
      this.model.send({ kind: "look", client: this.client }); // the game may have gone on before this page was opened
    }
  }

  discard(display) {
    this.displays.delete(display);
    if (this.displays.size) return;
    clearTimeout(this.timer);
    clearInterval(this.reporter);
    this.reporter = null;
    if (!this.settings.autoplay) this.pause();
  }

  // ---- playing

  play() {
    if (this.error) return; // only a reset helps
    if (!this.playing) this.drawnAt = [];
    this.playing = true;
    this.update();
    this.run();
  }

  pause() {
    this.playing = false;
    this.held = [];
    this.tapped = this.pressedAt = null;
    this.update();
  }

  reset() {
    this.model.send({ kind: "reset", client: this.client });
    if (this.settings.autoplay) this.playing = true;
    this.run();
  }

  press(source, action, at) {
    this.held = this.held.filter(([other]) => other !== source);
    this.held.push([source, action]);
    this.tapped = action;
    this.pressedAt ??= at;
    this.play();
  }

  release(source) {
    this.held = this.held.filter(([other]) => other !== source);
    this.update();
  }

  action() {
    if (this.tapped !== null) return this.tapped;
    return this.held.length ? this.held.at(-1)[1] : this.settings.default;
  }

  seen() {
    return !document.hidden && [...this.displays].some((display) => display.visible);
  }

  run() {
    clearTimeout(this.timer);
    if (!this.playing || this.error || !this.seen()) return;
    const now = performance.now();
    if (now >= this.due && this.unanswered.size < IN_FLIGHT) {
      const period = 1000 / this.settings.fps;
      this.due = now - this.due > period ? now + period : this.due + period; // steady, and no haste after a pause
      this.ask(now);
    }
    // With all questions out, the next answer runs this again.
    if (this.unanswered.size < IN_FLIGHT) this.timer = setTimeout(this.tick, Math.max(0, this.due - now));
  }

  ask(now) {
    const number = ++this.number;
    this.unanswered.set(number, { sentAt: now, pressedAt: this.pressedAt });
    this.model.send({ kind: "step", client: this.client, number, action: this.action() });
    this.tapped = this.pressedAt = null;
  }

  answered(content, buffers) {
    const question = content.client === this.client ? this.unanswered.get(content.number) : undefined;
    if (question) this.unanswered.delete(content.number);
    if (content.kind === "error") {
      this.error = content.text;
      this.pause();
    } else if (content.kind === "frames") {
      this.latest = buffers;
      this.captions = content.captions;
      if (this.error) {
        this.error = "";
        this.update();
      }
      this.displays.forEach((display) => display.draw(buffers));
      if (question) this.count(question);
    }
    this.run();
  }

  // ---- measuring

  count(question) {
    const now = performance.now();
    this.frames += 1;
    this.drawnAt.push(now);
    while (now - this.drawnAt[0] > 1000) this.drawnAt.shift();
    if (question.pressedAt !== null) {
      this.delays.push(now - question.pressedAt);
      if (this.delays.length > KEPT) this.delays.shift();
    }
  }

  fps() {
    const times = this.drawnAt;
    const span = times.length > 1 ? times.at(-1) - times[0] : 0;
    return span > 0 ? ((times.length - 1) * 1000) / span : 0;
  }

  delay() {
    const sorted = [...this.delays].sort((a, b) => a - b);
    return sorted.length ? sorted[Math.floor(sorted.length / 2)] : null;
  }

  silent() {
    const oldest = this.unanswered.values().next().value;
    return oldest !== undefined && performance.now() - oldest.sentAt > SILENT_MS;
  }

  report() {
    this.update();
    if (!this.playing || this.frames === this.reported) return;
    this.reported = this.frames;
    const round = (value) => Math.round(value * 10) / 10;
    const median = this.delay();
    this.model.set("measured", {
      fps: round(this.fps()),
      delay_ms: median === null ? null : round(median),
      delays_ms: this.delays.map(round),
      frames: this.frames,
    });
    this.model.save_changes();
  }

  update() {
    this.displays.forEach((display) => display.update());
  }
}

class Display {
  constructor(game, el) {
    this.game = game;
    this.visible = false;
    this.root = make("div", "course-canvas-game");
    this.build(game.settings);
    el.appendChild(this.root);
    if (!game.settings.autoplay) this.listen();
    this.observer = new IntersectionObserver(([entry]) => {
      this.visible = entry.isIntersecting;
      game.run();
    });
    this.observer.observe(this.root);
    this.fitter = new ResizeObserver(() => this.fit(el.clientWidth));
    this.fitter.observe(el);
    this.fit(el.clientWidth);
    game.add(this);
    this.update();
  }

  remove() {
    this.observer.disconnect();
    this.fitter.disconnect();
    this.game.discard(this);
    this.root.remove();
  }

  build({ height, width, keys, actions, autoplay }) {
    const stage = make("div", "course-canvas-stage", this.root);
    this.players = this.game.model.get("opening").map(() => {
      const box = make("div", "course-canvas-player", stage);
      const name = make("div", "course-canvas-name", box);
      const canvas = make("canvas", "course-canvas-picture", box);
      canvas.setAttribute("role", "img"); // its name is set in update()
      Object.assign(canvas, { height, width });
      const pen = canvas.getContext("2d");
      const caption = make("div", "course-canvas-caption", box);
      const spoken = make("div", "course-canvas-spoken", box);
      spoken.setAttribute("aria-live", "polite");
      return { canvas, name, pen, image: pen.createImageData(width, height), caption, spoken };
    });
    this.error = make("div", "course-canvas-error", this.root);
    this.error.setAttribute("role", "alert");
    const controls = make("div", "course-canvas-controls", this.root);
    this.toggle = make("button", "course-canvas-toggle", controls);
    this.toggle.onclick = () => {
      this.focus();
      this.game.playing ? this.game.pause() : this.game.play();
    };
    this.reset = make("button", "course-canvas-reset", controls);
    this.reset.textContent = autoplay ? "From the start" : "Reset";
    this.reset.onclick = () => {
      this.focus();
      this.game.reset();
    };
    this.buttons = autoplay ? [] : Object.entries(actions).map(([a, name]) => this.button(controls, Number(a), name, keys));
    this.speed = make("span", "course-canvas-speed", controls);
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "Films that play by themselves");
    if (autoplay) return;
    this.hint = make("div", "course-canvas-hint", stage);
    const arrows = Object.keys(keys).every((key) => key.startsWith("Arrow") || key === " ");
    this.how = arrows ? "the arrow keys" : `the keys ${Object.keys(keys).map((key) => SIGNS[key] ?? key).join(", ")}`;
    stage.addEventListener("pointerdown", () => {
      this.focus();
      this.game.play();
    });
    this.root.tabIndex = 0;
    this.root.setAttribute("role", "application"); // the keys come here, not to the screen reader
    const named = Object.entries(keys).map(([key, a]) => `${key === " " ? "Space" : key} ${actions[a] ?? "nothing"}`);
    this.root.setAttribute("aria-label", `A game, played with the keys: ${named.join(", ")}; Tab leads to the buttons`);
  }

  // Enlarge in whole steps, so that every dot is a square of one size; less than asked where there is less room.
  fit(room) {
    const { height, width, scale, autoplay } = this.game.settings;
    const count = this.players.length;
    const frame = autoplay ? 0 : ROUND; // what has no keys has no frame around it
    const whole = Math.floor((room - frame - (count - 1) * GAP) / (count * width));
    const factor = room > 0 ? Math.max(1, Math.min(scale, whole)) : scale;
    for (const { canvas } of this.players) {
      canvas.style.width = `${width * factor}px`;
      canvas.style.height = `${height * factor}px`;
    }
    this.root.style.width = `${count * (width * factor + GAP) - GAP}px`;
  }

  // A button on the screen is a key: it is held as long as the pointer is down.
  button(controls, action, name, keys) {
    const button = make("button", "course-canvas-key", controls);
    const key = Object.keys(keys).find((other) => keys[other] === action);
    button.textContent = `${SIGNS[key] ?? key} ${name}`;
    button.tabIndex = -1; // its key does the same
    const source = `button ${action}`;
    button.addEventListener("pointerdown", (event) => {
      button.setPointerCapture(event.pointerId);
      this.focus();
      this.game.press(source, action, event.timeStamp);
    });
    button.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays on the game
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      button.addEventListener(end, () => this.game.release(source));
    }
    return { button, action };
  }

  focus() {
    if (!this.game.settings.autoplay) this.root.focus({ preventScroll: true });
  }

  // Only the game's own keys are taken, and only while it has the focus; all others are left to the notebook.
  listen() {
    const { keys } = this.game.settings;
    const ours = (event) => {
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const pressesButton = key === " " && event.target !== this.root; // space on "Start" belongs to that button
      return key in keys && !pressesButton ? key : null;
    };
    this.root.addEventListener("keydown", (event) => {
      const key = ours(event);
      if (key === null || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      event.stopPropagation();
      if (!event.repeat) this.game.press(`key ${key}`, keys[key], event.timeStamp);
    });
    this.root.addEventListener("keyup", (event) => {
      const key = ours(event);
      if (key === null) return;
      event.preventDefault();
      event.stopPropagation();
      this.game.release(`key ${key}`);
    });
    this.root.addEventListener("focusin", () => this.update());
    this.root.addEventListener("focusout", (event) => {
      if (!this.root.contains(event.relatedTarget)) this.game.pause(); // also lets go of every key
    });
  }

  // What stands below a picture. A number in it changes with every frame: only the parts without one are read out.
  describe({ caption, spoken }, text = "") {
    caption.textContent = text;
    const told = text.split(";").filter((part) => !/\d/.test(part)).join(";").trim();
    if (told !== spoken.textContent) spoken.textContent = told;
  }

  draw(buffers) {
    this.players.forEach((player, i) => {
      const { pen, image } = player;
      const rgb = new Uint8Array(buffers[i].buffer, buffers[i].byteOffset, buffers[i].byteLength);
      const rgba = image.data;
      for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
        rgba[to] = rgb[from];
        rgba[to + 1] = rgb[from + 1];
        rgba[to + 2] = rgb[from + 2];
        rgba[to + 3] = 255;
      }
      pen.putImageData(image, 0, 0);
      this.describe(player, this.game.captions[i]);
    });
    this.root.dataset.frames = this.game.frames;
  }

  update() {
    const { game } = this;
    const names = game.model.get("names");
    this.players.forEach((player, i) => {
      player.name.textContent = names[i] ?? "";
      player.canvas.setAttribute("aria-label", names[i] ? `Picture: ${names[i]}` : "Picture");
      this.describe(player, game.captions[i]);
    });
    const text = game.error && `The game has stopped. ${game.error}\nPress ${this.reset.textContent} to begin again.`;
    if (text !== this.error.textContent) this.error.textContent = text; // an alert is read out whenever it is set
    this.toggle.textContent = game.playing ? "Pause" : "Start";
    this.toggle.disabled = Boolean(game.error);
    const action = game.held.length ? game.held.at(-1)[1] : null;
    this.buttons.forEach((key) => key.button.classList.toggle("course-canvas-down", key.action === action));
    if (this.hint) {
      const go = game.frames ? "Paused: click here to go on" : `Click here, then use ${this.how}`;
      this.hint.textContent = game.playing || game.error ? "" : go;
    }
    const fps = game.fps();
    this.speed.textContent = !game.playing ? "paused" : game.silent() ? "the kernel is busy" : `${Math.round(fps)} frames a second`;
    const median = game.delay();
    Object.assign(this.root.dataset, {
      playing: game.playing,
      fps: fps.toFixed(1),
      delay: median === null ? "" : median.toFixed(1),
      delays: JSON.stringify(game.delays.map((ms) => Math.round(ms * 10) / 10)),
    });
  }
}

function make(tag, name, parent) {
  const element = document.createElement(tag);
  element.className = name;
  if (tag === "button") element.type = "button";
  parent?.appendChild(element);
  return element;
}
