// The page of `make play`: a list of pieces, and what stands in for JupyterLab below a widget of the course.
(() => {
  const main = document.querySelector("main"), nav = document.querySelector("nav");
  const shown = new Map(); // piece -> its element
  const models = new Map();
  const styles = new Set();
  let line = Promise.resolve(); // one request after the other, so that messages arrive as they were sent

  const pack = (key, value) => {
    if (value instanceof DataView || ArrayBuffer.isView(value)) value = value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength);
    if (!(value instanceof ArrayBuffer)) return value;
    let text = "";
    for (const byte of new Uint8Array(value)) text += String.fromCharCode(byte);
    return { bytes: btoa(text) };
  };
  const unpack = (key, value) => {
    if (!value || typeof value !== "object" || typeof value.bytes !== "string" || Object.keys(value).length !== 1) return value;
    return new DataView(Uint8Array.from(atob(value.bytes), (c) => c.charCodeAt(0)).buffer);
  };

  async function post(where, what) {
    const answer = await fetch(where, { method: "POST", body: JSON.stringify(what, pack) });
    const found = JSON.parse(await answer.text(), unpack);
    if (!answer.ok) throw new Error(found.error);
    return found;
  }
  function ask(where, what) {
    const answer = line.then(() => post(where, what));
    line = answer.catch(() => {});
    return answer;
  }

  // What a widget's own script takes for its model: the values of its Python half, and messages.
  class Model {
    constructor(id, state) {
      Object.assign(this, { id, state, changed: new Set(), hearers: new Map() });
      models.set(id, this);
    }
    get(name) { return this.state[name]; }
    set(name, value) {
      this.state[name] = value;
      this.changed.add(name);
      this.tell(`change:${name}`, value);
    }
    save_changes() {
      const state = Object.fromEntries([...this.changed].map((name) => [name, this.state[name]]));
      this.changed.clear();
      this.carry({ method: "update", state });
    }
    send(content, callbacks, buffers) { this.carry({ method: "custom", content, buffers: buffers ?? [] }); }
    on(what, hear) { this.hearers.set(what, [...(this.hearers.get(what) ?? []), hear]); }
    off(what, hear) { this.hearers.set(what, (this.hearers.get(what) ?? []).filter((one) => one !== hear)); }
    tell(what, ...values) { for (const hear of this.hearers.get(what) ?? []) hear(...values); }
    async carry(message) {
      for (const said of await ask("message", { id: this.id, ...message })) models.get(said.id)?.heard(said);
    }
    heard({ method, state, content, buffers }) {
      if (method === "custom") return this.tell("msg:custom", content, buffers);
      Object.assign(this.state, state);
      for (const name of Object.keys(state)) this.tell(`change:${name}`, state[name]);
      this.tell("change");
    }
  }

  async function showWidget({ id, state }, parent) {
    if (state._css && !styles.has(state._css)) {
      styles.add(state._css);
      document.head.appendChild(document.createElement("style")).textContent = state._css;
    }
    const address = URL.createObjectURL(new Blob([state._esm], { type: "text/javascript" }));
    let widget = (await import(address)).default;
    URL.revokeObjectURL(address);
    if (typeof widget === "function") widget = await widget();
    const model = new Model(id, state), el = make("div", "widget", parent);
    el.classList.add(...(state._dom_classes ?? []));
    await widget.initialize?.({ model });
    await widget.render?.({ model, el });
  }

  function showExplore({ id, controls, picture, message }, parent) {
    const root = make("div", "widget course-explore", parent);
    const rows = controls.map((control) => makeControl(control, root));
    const error = make("div", "course-error", root), image = make("img", "course-picture", root);
    let waiting = null, busy = false;
    const draw = (found) => {
      error.innerHTML = found.message;
      image.hidden = !found.picture.byteLength;
      if (image.src) URL.revokeObjectURL(image.src);
      if (!image.hidden) image.src = URL.createObjectURL(new Blob([found.picture], { type: "image/png" }));
    };
    const turn = async (change) => {
      waiting = change; // of several that come while one is drawn, the last counts
      if (busy) return;
      busy = true;
      root.setAttribute("aria-busy", "true");
      while (waiting) {
        const next = waiting;
        waiting = null;
        try { draw(await ask("turn", { id, ...next })); } catch (failure) { error.textContent = failure.message; }
      }
      busy = false;
      root.removeAttribute("aria-busy");
    };
    rows.forEach(([name, listen]) => listen((value) => turn({ name, value })));
    draw({ picture, message });
  }

  function makeControl({ name, label, kind, options, min, max, step, value }, root) {
    const row = make("label", "control", root);
    make("span", "", row).textContent = label;
    if (kind === "choice") {
      const select = make("select", "", row);
      options.forEach((text, i) => select.add(new Option(text, i, false, i === value)));
      return [name, (hear) => select.addEventListener("change", () => hear(+select.value))];
    }
    const input = make("input", "", row);
    if (kind === "box") {
      Object.assign(input, { type: "checkbox", checked: value });
      return [name, (hear) => input.addEventListener("change", () => hear(input.checked))];
    }
    if (kind === "text") {
      Object.assign(input, { type: "text", value });
      return [name, (hear) => input.addEventListener("change", () => hear(input.value))];
    }
    Object.assign(input, { type: "range", min, max, step, value });
    const number = make("output", "", row);
    number.textContent = value;
    input.addEventListener("input", () => (number.textContent = input.value));
    return [name, (hear) => input.addEventListener("input", () => hear(+input.value))];
  }

  async function open(piece, button) {
    for (const one of nav.querySelectorAll("button")) one.removeAttribute("aria-current");
    button.setAttribute("aria-current", "true");
    history.replaceState(null, "", `#${piece.key}`); // so that the page comes back as it was
    for (const [key, element] of shown) element.hidden = key !== piece.key;
    document.activeElement?.blur(); // a game that is left pauses
    if (shown.has(piece.key)) return;
    const section = make("section", "piece", main);
    section.id = piece.key;
    shown.set(piece.key, section);
    make("h2", "", section).textContent = piece.title;
    make("p", "hint", section).textContent = `${piece.hint} Notebook ${piece.notebook} explains it.`;
    const wait = make("p", "wait", section);
    wait.textContent = "The model is loaded ...";
    try {
      const widgets = await ask("open", { key: piece.key });
      wait.remove();
      for (const widget of widgets) await (widget.kind === "widget" ? showWidget(widget, section) : showExplore(widget, section));
      section.dataset.ready = "true";
    } catch (failure) {
      wait.className = "failed";
      wait.textContent = `This piece could not be opened. ${failure.message}`;
      shown.delete(piece.key);
      section.removeAttribute("id");
    }
  }

  function make(tag, name, parent) {
    const element = document.createElement(tag);
    element.className = name;
    parent.appendChild(element);
    return element;
  }

  fetch("pieces").then((answer) => answer.json()).then((pieces) => {
    for (const piece of pieces) {
      const button = make("button", "", nav);
      button.type = "button";
      button.textContent = piece.title;
      make("small", "", button).textContent = `notebook ${piece.notebook}`;
      button.onclick = () => open(piece, button);
      piece.button = button;
    }
    const follow = () => {
      const wanted = pieces.find((piece) => `#${piece.key}` === location.hash) ?? pieces[0];
      open(wanted, wanted.button);
    };
    addEventListener("hashchange", follow);
    follow();
  });
})();
