// The browser's half of show/paint.py: a picture of large dots, a row of colours, a brush of one or three dots.

export default {
  render({ model, el }) {
    const { width, height, scale, colours } = model.get("settings");
    const root = document.createElement("div");
    root.className = "course-painter-root";
    root.style.cssText = "font: 14px/1.6 system-ui, sans-serif; color: var(--jp-ui-font-color1, #222)";
    const picture = document.createElement("canvas");
    picture.width = width;
    picture.height = height;
    picture.style.cssText = `width: ${width * scale}px; height: ${height * scale}px; image-rendering: pixelated;
      cursor: crosshair; touch-action: none; display: block; margin-bottom: 6px`;
    root.append(picture);
    el.append(root);

    const context = picture.getContext("2d");
    const dots = context.createImageData(width, height);
    let colour = Object.values(colours)[0];
    let brush = 3;
    let painting = false;

    const load = () => {
      const bytes = model.get("pixels"); // a DataView, three bytes a dot
      for (let dot = 0; dot < width * height; dot++) {
        for (let c = 0; c < 3; c++) dots.data[4 * dot + c] = bytes.getUint8(3 * dot + c);
        dots.data[4 * dot + 3] = 255;
      }
      context.putImageData(dots, 0, 0);
    };
    const save = () => {
      const bytes = new Uint8Array(3 * width * height);
      for (let dot = 0; dot < width * height; dot++) {
        for (let c = 0; c < 3; c++) bytes[3 * dot + c] = dots.data[4 * dot + c];
      }
      model.set("pixels", new DataView(bytes.buffer));
      model.save_changes();
    };
    const dab = (event) => {
      const box = picture.getBoundingClientRect();
      const column = Math.floor(((event.clientX - box.left) / box.width) * width);
      const row = Math.floor(((event.clientY - box.top) / box.height) * height);
      const reach = (brush - 1) / 2;
      for (let y = Math.max(0, row - reach); y <= Math.min(height - 1, row + reach); y++) {
        for (let x = Math.max(0, column - reach); x <= Math.min(width - 1, column + reach); x++) {
          dots.data.set([...colour, 255], 4 * (y * width + x));
        }
      }
      context.putImageData(dots, 0, 0);
    };
    picture.addEventListener("pointerdown", (event) => {
      painting = true;
      picture.setPointerCapture(event.pointerId);
      dab(event);
    });
    picture.addEventListener("pointermove", (event) => painting && dab(event));
    const lift = () => {
      if (!painting) return;
      painting = false;
      save(); // once a stroke, not once a dot
    };
    picture.addEventListener("pointerup", lift);
    picture.addEventListener("pointercancel", lift);

    const tools = document.createElement("div");
    const buttons = new Map();
    const choose = () => buttons.forEach((on, button) => (button.style.outline = on() ? "3px solid #0072b2" : "none"));
    const tool = (text, background, act, on) => {
      const button = document.createElement("button");
      button.textContent = text;
      const dark = background && background[0] + background[1] + background[2] < 380;
      button.style.cssText = `margin: 3px 6px 3px 3px; padding: 3px 10px; border: 1px solid #888; border-radius: 4px;
        ${background ? `background: rgb(${background}); color: ${dark ? "#fff" : "#222"}` : ""}`;
      button.addEventListener("click", () => {
        act();
        choose();
      });
      buttons.set(button, on);
      tools.append(button);
    };
    for (const [name, rgb] of Object.entries(colours)) {
      tool(name, rgb, () => (colour = rgb), () => colour === rgb);
    }
    for (const size of [1, 3]) {
      tool(`brush ${size}`, null, () => (brush = size), () => brush === size);
    }
    root.append(tools);
    choose();
    load();
    model.on("change:pixels", load);
    return () => model.off("change:pixels", load);
  },
};
