"use strict";

const [SPHERE, BOX, CAPSULE, CYLINDER, ARROW] = [0, 1, 2, 3, 4];
const LIGHT = [0.33, 0.85, 0.41];  // towards it
const VIEW_ANGLE = 45 * Math.PI / 180;
const element = (id) => document.getElementById(id);

addEventListener("error", (event) => {
  document.documentElement.dataset.state = "failed";
  element("failure").textContent = event.message;
  element("failure").hidden = false;
});

// ---- The recording: rows of one frame after the other; row r is a solid `looks[who[r]]`.

const recording = JSON.parse(element("data").textContent);
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
const who = new Uint16Array(bytes(recording.who));
const rows = new Float32Array(bytes(recording.rows));  // x, y, z [m], w, x, y, z
const starts = [0];
for (const count of recording.counts) starts.push(starts[starts.length - 1] + count);
const numFrames = recording.counts.length;
const lastFrame = numFrames - 1;

function rootOf(frame) {
  for (let row = starts[frame]; row < starts[frame + 1]; row++) {
    if (recording.looks[who[row]].role === "BODY") return [rows[7 * row], rows[7 * row + 2]];
  }
  return [0, 0];
}

// ---- Meshes: a vertex is a place, a normal, and which end it moves with (-1 or 1, 0 neither).

function mesh() { return {vertices: [], indices: []}; }

function strip(target, profile, around) {
  // Turns a profile of (radius, y, normal's radius and y, end) about y.
  const first = target.vertices.length / 7;
  for (const [radius, y, across, up, end] of profile) {
    for (let i = 0; i <= around; i++) {
      const [c, s] = [Math.cos(2 * Math.PI * i / around), Math.sin(2 * Math.PI * i / around)];
      target.vertices.push(radius * c, y, radius * s, across * c, up, across * s, end);
    }
  }
  for (let k = 0; k + 1 < profile.length; k++) {
    for (let i = 0; i < around; i++) {
      const a = first + k * (around + 1) + i, b = a + around + 1;
      target.indices.push(a, b, a + 1, a + 1, b, b + 1);
    }
  }
  return target;
}

function roundMesh() {
  const profile = [];
  for (const end of [-1, 1]) {
    for (let k = 0; k <= 8; k++) {
      const angle = (end < 0 ? k - 8 : k) * Math.PI / 16;
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      profile.push([c, s, c, s, end]);
    }
  }
  return strip(mesh(), profile, 32);
}

function cylinderMesh() {
  const target = strip(mesh(), [[1, -1, 1, 0, 0], [1, 1, 1, 0, 0]], 32);
  strip(target, [[0, -1, 0, -1, 0], [1, -1, 0, -1, 0]], 32);
  return strip(target, [[1, 1, 0, 1, 0], [0, 1, 0, 1, 0]], 32);
}

function arrowMesh() {
  const target = strip(mesh(), [[0, 0, 0, -1, -1], [1, 0, 0, -1, -1]], 24);
  strip(target, [[1, 0, 1, 0, -1], [1, -5, 1, 0, 1]], 24);
  strip(target, [[1, -5, 0, -1, 1], [2.2, -5, 0, -1, 1]], 24);
  return strip(target, [[2.2, -5, 0.9, 0.4, 1], [0, 0, 0.9, 0.4, 1]], 24);
}

function boxMesh() {
  const target = mesh();
  for (let axis = 0; axis < 3; axis++) {
    for (const side of [-1, 1]) {
      const first = target.vertices.length / 7;
      for (const [u, v] of [[-side, -1], [side, -1], [side, 1], [-side, 1]]) {
        const place = [0, 0, 0], normal = [0, 0, 0];
        place[axis] = normal[axis] = side;
        place[(axis + 1) % 3] = u;
        place[(axis + 2) % 3] = v;
        target.vertices.push(...place, ...normal, 0);
      }
      target.indices.push(first, first + 1, first + 2, first, first + 2, first + 3);
    }
  }
  return target;
}

// ---- Drawing.

const canvas = document.querySelector("canvas");
const gl = canvas.getContext("webgl2", {antialias: true, stencil: true});
if (!gl) throw new Error("This browser has no WebGL 2, which draws the recording.");

const SOLID_SHADERS = [`#version 300 es
  in vec3 place, normal; in float end;
  uniform mat4 view; uniform vec3 centre, scale, light; uniform vec4 turn;
  uniform float reach; uniform bool fallen;
  out vec3 world, facing;
  vec3 turned(vec3 v) { return v + 2.0 * cross(turn.yzw, cross(turn.yzw, v) + turn.x * v); }
  void main() {
    world = centre + turned(place * scale + vec3(0.0, end * reach, 0.0));
    facing = turned(normal);
    if (fallen) world -= light * max(world.y, 0.0) / light.y;
    gl_Position = view * vec4(world, 1.0);
  }`, `#version 300 es
  precision highp float;
  in vec3 world, facing;
  uniform vec3 light, eye; uniform vec4 color; uniform bool fallen;
  out vec4 seen;
  void main() {
    vec3 n = normalize(facing), from = normalize(eye - world);
    float lit = 0.60 + 0.12 * n.y + 0.45 * max(dot(n, light), 0.0);
    float gloss = 0.12 * pow(max(dot(n, normalize(light + from)), 0.0), 24.0);
    seen = fallen ? color : vec4(color.rgb * lit + gloss, color.a);
  }`];
const GROUND_SHADERS = [`#version 300 es
  in vec2 corner; uniform mat4 view; uniform vec2 middle; out vec2 place;
  void main() { place = middle + 60.0 * corner; gl_Position = view * vec4(place.x, 0.0, place.y, 1.0); }`,
  `#version 300 es
  precision highp float;
  in vec2 place; uniform vec2 middle; uniform vec3 air; out vec4 seen;
  void main() {
    vec2 width = fwidth(place), tile = abs(fract(0.5 * place) - 0.5) - 0.25;
    vec2 side = clamp(tile / max(0.5 * width, 1e-4), -0.5, 0.5) * (1.0 - smoothstep(0.3, 1.0, width));
    float checker = 0.5 - 2.0 * side.x * side.y;
    vec2 edge = abs(fract(place - 0.5) - 0.5) / width;
    float line = (1.0 - min(min(edge.x, edge.y), 1.0)) * (1.0 - smoothstep(0.02, 0.12, max(width.x, width.y)));
    vec3 color = mix(vec3(0.80, 0.83, 0.855), vec3(0.855, 0.88, 0.90), checker);
    color = mix(color, vec3(0.70, 0.74, 0.78), 0.7 * line);
    seen = vec4(mix(color, air, smoothstep(6.0, 30.0, distance(place, middle))), 1.0);
  }`];
const AIR = [0.93, 0.945, 0.96];

function program(sources, attributes) {
  const made = gl.createProgram();
  [gl.VERTEX_SHADER, gl.FRAGMENT_SHADER].forEach((kind, i) => {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, sources[i]);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  });
  attributes.forEach((name, i) => gl.bindAttribLocation(made, i, name));
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) {
    throw new Error("WebGL: " + gl.getProgramInfoLog(made));
  }
  const at = {made};
  for (let i = 0; i < gl.getProgramParameter(made, gl.ACTIVE_UNIFORMS); i++) {
    const name = gl.getActiveUniform(made, i).name;
    at[name] = gl.getUniformLocation(made, name);
  }
  return at;
}

function upload(vertices, sizes, indices) {
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(vertices), gl.STATIC_DRAW);
  const stride = 4 * sizes.reduce((a, b) => a + b);
  sizes.reduce((offset, size, i) => {
    gl.enableVertexAttribArray(i);
    gl.vertexAttribPointer(i, size, gl.FLOAT, false, stride, offset);
    return offset + 4 * size;
  }, 0);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, new Uint16Array(indices), gl.STATIC_DRAW);
  return {array, count: indices.length};
}

const solidProgram = program(SOLID_SHADERS, ["place", "normal", "end"]);
const groundProgram = program(GROUND_SHADERS, ["corner"]);
const sheet = upload([-1, -1, 1, -1, 1, 1, -1, 1], [2], [0, 1, 2, 0, 2, 3]);
const rounded = roundMesh();
const meshes = [rounded, boxMesh(), rounded, cylinderMesh(), arrowMesh()].map(
  ({vertices, indices}) => upload(vertices, [3, 3, 1], indices));

function measures({kind, size: [x, y, z]}) {
  // Returns a mesh's scale, how far its ends lie from its middle, and where that is along y.
  if (kind === BOX) return [[x / 2, y / 2, z / 2], 0, 0];
  if (kind === CYLINDER) return [[x / 2, y / 2, x / 2], 0, 0];
  const radius = x / 2;
  if (kind === ARROW) return [[radius, Math.min(radius, y / 6), radius], y / 2, y / 2];
  return [[radius, radius, radius], kind === CAPSULE ? y / 2 : 0, 0];
}
recording.looks.forEach((look) => { [look.scale, look.reach, look.middle] = measures(look); });

function drawSolid(row, color, shift) {
  const look = recording.looks[who[row]], at = 7 * row;
  const [px, py, pz, w, x, y, z] = rows.subarray(at, at + 7);
  const m = look.middle;  // along the turned y axis
  gl.uniform3f(solidProgram.centre, px + m * 2 * (x * y - w * z), py + m * (1 - 2 * (x * x + z * z)),
    pz + m * 2 * (y * z + w * x) + shift);
  gl.uniform4f(solidProgram.turn, w, x, y, z);
  gl.uniform3fv(solidProgram.scale, look.scale);
  gl.uniform1f(solidProgram.reach, look.reach);
  gl.uniform4fv(solidProgram.color, color);
  const {array, count} = meshes[look.kind];
  gl.bindVertexArray(array);
  gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_SHORT, 0);
}

const minus = (a, b) => a.map((value, i) => value - b[i]);
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = (a) => a.map((value) => value / Math.hypot(...a));

function viewMatrix(eye, axes, aspect) {
  const [right, up, back] = axes, [near, far] = [0.05, 120], f = 1 / Math.tan(VIEW_ANGLE / 2);
  const depth = (far + near) / (near - far), shift = 2 * far * near / (near - far);
  const columns = [0, 1, 2].map((i) =>
    [right[i] * f / aspect, up[i] * f, back[i] * depth, -back[i]]);
  const moved = -dot(back, eye);
  columns.push([-dot(right, eye) * f / aspect, -dot(up, eye) * f, moved * depth + shift, -moved]);
  return columns.flat();
}

// ---- The camera: it looks at `focus` from `distance`, turned as the viewer's is.

const camera = {};

function goHome() {
  Object.assign(camera, recording.camera, {focus: [...recording.camera.focus]});
}

function cameraAxes() {
  const [a, e] = [camera.azimuth * Math.PI / 180, camera.elevation * Math.PI / 180];
  const back = [-Math.cos(a) * Math.cos(e), -Math.sin(e), Math.sin(a) * Math.cos(e)];
  const right = unit(cross([0, 1, 0], back));
  return [right, cross(back, right), back];
}

function draw() {
  const density = Math.min(devicePixelRatio, 2);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((n) => Math.max(1, Math.round(n * density)));
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const aspect = width / height, frame = Math.floor(state.frame);
  if (camera.follows) [camera.focus[0], camera.focus[2]] = rootOf(frame);
  const axes = cameraAxes(), away = camera.distance * Math.max(1, 0.75 / aspect);
  const eye = camera.focus.map((value, i) => value + away * axes[2][i]);
  eye[1] = Math.max(eye[1], 0.05);
  const view = viewMatrix(eye, axes, aspect), middle = [camera.focus[0], camera.focus[2]];

  // Where all is narrow the panel is above the character: the sky is a little higher.
  gl.viewport(0, aspect < 0.75 ? -Math.round(0.06 * height) : 0, width, height);
  gl.clearColor(...AIR, 1);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT | gl.STENCIL_BUFFER_BIT);
  gl.enable(gl.DEPTH_TEST);
  gl.disable(gl.BLEND);
  gl.disable(gl.CULL_FACE);
  gl.useProgram(groundProgram.made);
  gl.uniformMatrix4fv(groundProgram.view, false, view);
  gl.uniform2fv(groundProgram.middle, middle);
  gl.uniform3fv(groundProgram.air, AIR);
  gl.bindVertexArray(sheet.array);
  gl.drawElements(gl.TRIANGLES, sheet.count, gl.UNSIGNED_SHORT, 0);

  gl.useProgram(solidProgram.made);
  gl.uniformMatrix4fv(solidProgram.view, false, view);
  gl.uniform3fv(solidProgram.light, unit(LIGHT));
  gl.uniform3fv(solidProgram.eye, eye);
  const opaque = [], clear = [];
  for (let row = starts[frame]; row < starts[frame + 1]; row++) {
    const look = recording.looks[who[row]];
    if (look.role === "REFERENCE" && state.ghost === "off") continue;
    (look.color[3] < 1 ? clear : opaque).push([row, look]);
  }
  gl.enable(gl.BLEND);
  gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE);
  gl.disable(gl.DEPTH_TEST);  // shadows lie in the ground, each point of it once
  gl.enable(gl.STENCIL_TEST);
  gl.stencilFunc(gl.EQUAL, 0, 255);
  gl.stencilOp(gl.KEEP, gl.KEEP, gl.INCR);
  gl.uniform1i(solidProgram.fallen, 1);
  for (const [row, look] of opaque) {
    if (look.casts) drawSolid(row, [0.16, 0.22, 0.30, 0.26], 0);
  }
  gl.disable(gl.STENCIL_TEST);
  gl.enable(gl.DEPTH_TEST);
  gl.enable(gl.CULL_FACE);  // of what one sees through, its own back
  gl.uniform1i(solidProgram.fallen, 0);
  for (const [row, look] of opaque) drawSolid(row, look.color, 0);
  for (const [row, look] of clear) {
    const isBeside = look.role === "REFERENCE" && state.ghost === "beside";
    drawSolid(row, look.color, isBeside ? -recording.beside : 0);
  }
}
