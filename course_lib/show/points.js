// The browser's half of show/points.py: a plane with points to drag, the lines that follow from them, and a slider that
// lets a dot run along each line.

const SIDE = 440; // of the plane, in dots of the screen
const STEP = 0.02; // of the plane's width that an arrow key moves a point by; with Shift five times as far
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const SVG = "http://www.w3.org/2000/svg";

export default {
  render({ model, el }) {
    const plane = new Plane(model, el);
    return () => plane.remove();
  },
};

class Plane {
  constructor(model, el) {
    this.model = model;
    this.limit = model.get("settings").limit;
    this.places = model.get("dragged").map((place) => [...place]);
    this.waiting = false; // for the lines of the places that were sent last
    this.moved = false; // since then
    this.held = -1; // the point under the mouse
    this.build(el, model.get("settings"));
    this.hear = () => this.answered();
    this.follow = () => {
      if (this.held >= 0 || this.waiting || this.moved) return; // what is being moved here is newer
      this.places = model.get("dragged").map((place) => [...place]);
      this.draw();
    };
    model.on("change:answered", this.hear);
    model.on("change:dragged", this.follow);
    this.draw();
  }

  remove() {
    clearTimeout(this.patience);
    this.model.off("change:answered", this.hear);
    this.model.off("change:dragged", this.follow);
    this.root.remove();
  }

  build(el, { slider }) {
    this.root = make("div", "course-points-root", el, { role: "group", "aria-label": "Points to drag" });
    this.svg = draw("svg", this.root, { role: "group", "aria-label": `A plane with ${this.places.length} points`, class: "course-points-plane", width: SIDE, height: SIDE, viewBox: `0 0 ${SIDE} ${SIDE}` });
    for (const [a, b] of [[[-this.limit, 0], [this.limit, 0]], [[0, -this.limit], [0, this.limit]]]) {
      const [x1, y1] = this.dot(a), [x2, y2] = this.dot(b);
      draw("line", this.svg, { class: "course-points-axis", x1, y1, x2, y2 });
    }
    this.lines = draw("g", this.svg, { "aria-hidden": "true" });
    this.runners = draw("g", this.svg, { "aria-hidden": "true" });
    this.circles = this.places.map((_, i) => {
      const circle = draw("circle", this.svg, { class: "course-points-point", r: 9, tabindex: 0, role: "slider", "aria-valuemin": -this.limit, "aria-valuemax": this.limit });
      circle.addEventListener("pointerdown", (event) => this.take(event, i));
      circle.addEventListener("keydown", (event) => this.key(event, i));
      return circle;
    });
    this.svg.addEventListener("pointermove", (event) => this.held >= 0 && this.put(this.held, this.place(event)));
    for (const end of ["pointerup", "pointercancel"]) this.svg.addEventListener(end, () => (this.held = -1));

    const tools = make("div", "course-points-tools", this.root);
    const label = make("label", "course-points-label", tools);
    label.append(slider, " ");
    this.range = make("input", "course-points-range", label, { type: "range", min: 0, max: 1, step: "any", value: 1 });
    this.range.addEventListener("input", () => this.run());
    const reset = make("button", "course-points-button", tools, { type: "button" });
    reset.textContent = "Reset";
    reset.onclick = () => {
      this.places = this.model.get("settings").beginning.map((place) => [...place]);
      this.send();
    };
    this.error = make("div", "course-points-error", this.root, { role: "alert" });
  }

  // ---- moving a point

  take(event, i) {
    this.held = i;
    this.circles[i].focus({ preventScroll: true });
    this.svg.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  key(event, i) {
    const move = MOVES[event.key];
    if (!move || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const far = 2 * this.limit * STEP * (event.shiftKey ? 5 : 1);
    this.put(i, [this.places[i][0] + far * move[0], this.places[i][1] + far * move[1]]);
  }

  put(i, place) {
    this.places[i] = place.map((value) => Math.min(this.limit, Math.max(-this.limit, value)));
    this.send();
  }

  send() {
    this.draw();
    this.moved = true;
    if (this.waiting) return; // one question at a time
    this.moved = false;
    this.waiting = true;
    this.model.set("dragged", this.places.map((place) => [...place]));
    this.model.save_changes();
    this.patience = setTimeout(this.hear, 2000); // places that are what they were are not sent, and nobody answers
  }

  answered() {
    clearTimeout(this.patience);
    this.waiting = false;
    this.error.textContent = this.model.get("error");
    this.draw();
    if (this.moved) this.send();
  }

  // ---- drawing

  dot([x, y]) {
    return [((x + this.limit) / (2 * this.limit)) * SIDE, ((this.limit - y) / (2 * this.limit)) * SIDE];
  }

  place(event) {
    const box = this.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 2 * this.limit - this.limit;
    return [x, this.limit - ((event.clientY - box.top) / box.height) * 2 * this.limit];
  }

  draw() {
    const view = this.model.get("pixels");
    const [count, times] = this.model.get("shape");
    const numbers = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
    this.ways = Array.from({ length: count }, (_, l) =>
      Array.from({ length: times }, (_, t) => this.dot([numbers[2 * (l * times + t)], numbers[2 * (l * times + t) + 1]])),
    );
    this.lines.replaceChildren();
    const marks = count - this.model.get("settings").marks; // the lines from here on mark places
    for (const [l, way] of this.ways.entries()) {
      draw("polyline", this.lines, { class: l < marks ? "course-points-line" : "course-points-mark", points: way.map((dot) => dot.join(",")).join(" ") });
    }
    this.circles.forEach((circle, i) => {
      const [cx, cy] = this.dot(this.places[i]);
      const words = this.places[i].map((value) => value.toFixed(2)).join(", ");
      circle.setAttribute("cx", cx);
      circle.setAttribute("cy", cy);
      circle.setAttribute("aria-label", `Point ${i + 1}; the arrow keys move it, with Shift farther`);
      circle.setAttribute("aria-valuenow", this.places[i][0]);
      circle.setAttribute("aria-valuetext", `at ${words}`);
    });
    this.run();
  }

  run() {
    const share = Number(this.range.value);
    this.runners.replaceChildren();
    for (const way of this.ways.slice(0, this.ways.length - this.model.get("settings").marks)) {
      const at = share * (way.length - 1);
      const before = way[Math.floor(at)], after = way[Math.ceil(at)];
      const [cx, cy] = before.map((value, k) => value + (at - Math.floor(at)) * (after[k] - value));
      draw("circle", this.runners, { class: "course-points-runner", cx, cy, r: 2.5 });
    }
  }
}

function draw(tag, parent, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return parent.appendChild(element);
}

function make(tag, name, parent, attributes = {}) {
  const element = document.createElement(tag);
  element.className = name;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return parent.appendChild(element);
}
