// Shows one screen at a time, each in the largest letters in which nothing leaves it.
(() => {
  const WIDE = 1280, HIGH = 720, MOST = 28, MOST_WORDS = 31, LEAST = 17;
  const screens = [...document.querySelectorAll(".screen")];
  let at = 0, speaker = null;
  const began = Date.now();
  document.body.classList.add("live");

  // Whether a part of a screen leaves the room it has, or a picture is pressed below half of its size.
  function leaves(screen) {
    const main = screen.querySelector("main"), room = main.getBoundingClientRect();
    for (const part of main.querySelectorAll("*")) {
      if (part.closest("svg") && part.tagName !== "svg") continue;
      const box = part.getBoundingClientRect();
      if (box.width === 0 && box.height === 0) continue;
      if (box.bottom > room.bottom + 1 || box.right > room.right + 1 || box.left < room.left - 1 || box.top < room.top - 8) return true;
      if (part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0 && part.tagName === "PRE") return true;
    }
    const image = main.querySelector(".shown img");
    if (image) {
      const box = image.getBoundingClientRect(), wide = image.width && +image.getAttribute("width");
      const high = +image.getAttribute("height"), drawn = Math.min(box.width / wide, box.height / high);
      const could = Math.min(room.width / wide, (room.height * 0.42) / high, 1.2);
      if (drawn < 0.97 * could) return true;
    }
    return false;
  }

  function fit(screen) {
    const title = screen.querySelector("h1");
    for (let size = 36; size >= 24 && !screen.matches(".opening"); size -= 1) {
      title.style.fontSize = `${size}px`;
      if (title.clientHeight < 1.5 * 1.2 * size) break;
    }
    const most = screen.matches(".words, .opening") ? MOST_WORDS : MOST;
    for (let size = most; size >= LEAST; size -= 0.5) {
      screen.style.setProperty("--size", `${size}px`);
      if (!leaves(screen)) return;
    }
    screen.dataset.leaves = "true";
  }

  function place() {
    const scale = Math.min(innerWidth / WIDE, innerHeight / HIGH);
    const left = (innerWidth - WIDE * scale) / 2, top = (innerHeight - HIGH * scale) / 2;
    for (const screen of screens) screen.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
  }

  function show(next) {
    at = Math.max(0, Math.min(screens.length - 1, next));
    screens.forEach((screen, i) => screen.classList.toggle("now", i === at));
    history.replaceState(null, "", `#${at + 1}`);
    tell();
  }

  // The speaker's window: this screen's notes, the plan, what comes next, the time. It belongs to this page, so it needs
  // no server.
  function tell() {
    if (!speaker || speaker.closed) return;
    const page = speaker.document, next = screens[at + 1];
    page.getElementById("title").textContent = screens[at].querySelector("h1").textContent;
    page.getElementById("notes").innerHTML = screens[at].querySelector(".notes").innerHTML || "<p>No notes.</p>";
    page.getElementById("next").textContent = next ? next.querySelector("h1").textContent + ": " +
      (next.querySelector(".text")?.textContent ?? "").slice(0, 160) : "This was the last screen.";
    page.getElementById("place").textContent = `${at + 1} of ${screens.length}`;
  }

  function openSpeaker() {
    speaker = window.open("", "speaker", "width=900,height=700");
    if (!speaker) return;
    const style = [...document.querySelectorAll("style")].map((one) => one.textContent).join("");
    speaker.document.body.innerHTML = `<style>${style} body { background: #fff; padding: 20px; font-size: 20px; height: auto;
      overflow: auto; } .code { font-size: 14px; } h2 { font-size: 15px; color: #0072b2; margin: 18px 0 4px; }</style>
      <div><b id="title"></b> · <span id="place"></span> · <span id="clock"></span></div><h2>Notes</h2>
      <div id="notes"></div><h2>Next</h2><div id="next"></div><h2>Plan</h2>
      <div>${screens[0].querySelector(".notes").innerHTML}</div>`;
    speaker.document.title = "Speaker's notes";
    speaker.document.addEventListener("keydown", onKey);
    tell();
  }

  function onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const on = ["ArrowRight", "ArrowDown", "PageDown", " ", "Enter"], back = ["ArrowLeft", "ArrowUp", "PageUp"];
    if (on.includes(event.key)) show(at + 1);
    else if (back.includes(event.key)) show(at - 1);
    else if (event.key === "Home") show(0);
    else if (event.key === "End") show(screens.length - 1);
    else if (event.key === "s") openSpeaker();
    else if (event.key === "f") document.documentElement.requestFullscreen?.();
    else return;
    event.preventDefault();
  }

  screens.forEach(fit);
  addEventListener("keydown", onKey);
  addEventListener("resize", place);
  addEventListener("hashchange", () => show(+location.hash.slice(1) - 1 || 0));
  addEventListener("click", (event) => show(at + (event.clientX < innerWidth / 4 ? -1 : 1)));
  setInterval(() => {
    const clock = speaker && !speaker.closed && speaker.document.getElementById("clock");
    if (clock) clock.textContent = `${Math.floor((Date.now() - began) / 60000)} min`;
  }, 1000);
  place();
  show((+location.hash.slice(1) || 1) - 1);
  document.body.dataset.ready = screens.length;
})();
