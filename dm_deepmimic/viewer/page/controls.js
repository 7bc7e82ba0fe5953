// ---- What is told, and the controls.

const state = {frame: 0, plays: true, speed: 1, ghost: recording.ghost, isNew: true};
const barNames = new Set(recording.bars);
const toldValues = {};

function make(kind, className, parent) {
  const made = document.createElement(kind);
  made.className = className;
  parent.append(made);
  return made;
}

// A long name is broken after an underscore.
document.querySelector("h1").textContent = document.title.replaceAll("_", "_\u200b");
for (const name of Object.keys(recording.lines)) {
  const isBar = barNames.has(name), isTotal = isBar && name === recording.bars[0];
  const line = make("div", "line" + (isBar ? " bar" : "") + (isTotal ? " total" : ""), element("told"));
  make("span", "name", line).textContent = name.trim();
  const bar = isBar ? make("i", "", make("div", "track", line)) : null;
  toldValues[name] = {line, bar, value: make("span", "value", line)};
}

element("ghost").hidden = !recording.looks.some(({role}) => role === "REFERENCE");

const slider = document.querySelector("#slide input");
slider.max = lastFrame;
for (const frame of recording.begins) {
  make("b", "", element("slide")).style.left =
    `calc(7px + ${frame / Math.max(lastFrame, 1)} * (100% - 16px))`;  // of the thumb's middle
}

function tell() {
  const frame = Math.floor(state.frame);
  for (const [name, {line, bar, value}] of Object.entries(toldValues)) {
    const text = recording.lines[name][frame];
    line.style.display = text === null ? "none" : "";
    value.textContent = text ?? "";
    if (bar) bar.style.width = `${100 * Math.min(Math.max(parseFloat(text) || 0, 0), 1)}%`;
  }
  slider.value = frame;
  const seconds = (count) => (count / recording.rate).toFixed(2);
  element("clock").textContent = `${seconds(frame)} / ${seconds(lastFrame)} s`;
  document.querySelector("#play path").setAttribute("d",
    state.plays ? "M1 1h3.5v12H1zM7.5 1H11v12H7.5z" : "M1.5 0.5v13L12 7z");
  element("ghost").value = state.ghost;
  element("follow").setAttribute("aria-pressed", camera.follows);
}

function go(frame, plays) {
  state.frame = Math.min(Math.max(frame, 0), lastFrame);
  state.plays = plays;
  state.isNew = true;
}

function changed(change) {
  return (event) => { change(event); state.isNew = true; };
}

const GHOSTS = ["off", "over", "beside"];
const togglePlay = changed(() => { state.plays = !state.plays; });
const toggleFollow = changed(() => { camera.follows = !camera.follows; });
const nextGhost = changed(() => {
  state.ghost = GHOSTS[(GHOSTS.indexOf(state.ghost) + 1) % GHOSTS.length];
});
element("play").addEventListener("click", togglePlay);
element("follow").addEventListener("click", toggleFollow);
element("home").addEventListener("click", changed(goHome));
element("speed").addEventListener("change", (event) => { state.speed = Number(event.target.value); });
element("ghost").addEventListener("change", changed((event) => { state.ghost = event.target.value; }));
slider.addEventListener("input", () => go(Number(slider.value), false));
addEventListener("resize", changed(() => {}));

const KEYS = {
  " ": togglePlay,
  ArrowRight: () => go(Math.floor(state.frame) + 1, false),
  ArrowLeft: () => go(Math.ceil(state.frame) - 1, false),
  Home: () => go(0, false),
  End: () => go(lastFrame, false),
  c: toggleFollow,
  g: nextGhost,
};
// Who works with the keyboard alone keeps the focus, and with it the keys of buttons and lists.
element("controls").addEventListener("click", ({detail, target}) => {
  if (detail > 0) target.closest("button")?.blur();
});
element("controls").addEventListener("change", ({target}) => target.blur());
addEventListener("keydown", (event) => {
  if (["BUTTON", "SELECT"].includes(event.target.tagName)) return;
  if (!(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  KEYS[event.key](event);
});

const fingers = new Map();
canvas.addEventListener("contextmenu", (event) => event.preventDefault());
canvas.addEventListener("pointerdown", (event) => {
  document.activeElement.blur();
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
});
for (const kind of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(kind, (event) => fingers.delete(event.pointerId));
}
const spread = () => {
  const [a, b] = [...fingers.values()];
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
};
canvas.addEventListener("pointermove", changed((event) => {
  if (!fingers.has(event.pointerId)) return;
  const [x, y] = fingers.get(event.pointerId), before = fingers.size === 2 ? spread() : 0;
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  const [dx, dy] = [event.clientX - x, event.clientY - y].map((way) => way / canvas.clientHeight);
  if (before > 0) {
    zoom(before / Math.max(spread(), 1));
  } else if (event.buttons & 2 || event.shiftKey) {
    const [right, up] = cameraAxes(), way = 2 * camera.distance * Math.tan(VIEW_ANGLE / 2);
    camera.focus = camera.focus.map((value, i) => value - way * (dx * right[i] - dy * up[i]));
    camera.follows = false;
  } else {
    camera.azimuth -= 180 * dx;
    camera.elevation = Math.min(Math.max(camera.elevation - 180 * dy, -89), 20);
  }
}));
canvas.addEventListener("wheel", changed((event) => {
  event.preventDefault();
  zoom(Math.exp(0.001 * event.deltaY));
}), {passive: false});

function zoom(factor) {
  camera.distance = Math.min(Math.max(camera.distance * factor, 0.5), 40);
}

// ---- Time. A page that is opened as `page.html#2.5` shows that second, and waits.

let clock = performance.now();

function tick(now) {
  if (state.plays) {
    state.frame += state.speed * recording.rate * Math.min(now - clock, 250) / 1000;
    if (state.frame >= numFrames) state.frame = 0;
  }
  clock = now;
  if (state.plays || state.isNew) {
    state.isNew = false;
    draw();
    tell();
    document.documentElement.dataset.state ??= "drawn";
  }
  requestAnimationFrame(tick);
}

goHome();
const asked = parseFloat(location.hash.slice(1));
if (asked >= 0) go(Math.round(asked * recording.rate), false);
requestAnimationFrame(tick);
