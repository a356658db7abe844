"use strict";
// The page: reads the logits, and shows what the settings make of them. All texts are put in as text.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);

/** Base64 of little-endian numbers, as every machine that runs browsers stores them. */
function numbers(base64, type) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return Float64Array.from(new type(bytes.buffer));
}

const logits = numbers(data.logits, data.dtype === "float64" ? Float64Array : Float32Array);
const round = data.dtype === "float64" ? (value) => value : Math.fround;
const step = { logits, order: sorted(logits), seen: new Set(data.tokens), round };
const own = distribution(step, OFF);
const rankOf = new Uint32Array(logits.length);
own.tokens.forEach((token, rank) => (rankOf[token] = rank));

let settings = { ...OFF };
let found = own; // what the settings make of the logits, and
let mass = 1; // what the model gives to what they keep

/** An element with a class and a text, or with children. */
function element(tag, name, ...content) {
  const made = document.createElement(tag);
  made.className = name;
  made.append(...content);
  return made;
}

/** A probability in a few characters; what is not 0 does not look like it. */
function share(value) {
  return value > 0 && value < 5e-5 ? value.toExponential(0) : value.toFixed(4);
}

/** The smallest of 1, 2 and 5 times a power of ten that is at least a value: where the axis ends. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return Math.min(1, [1, 2, 5, 10].map((digit) => digit * power).find((end) => end >= value * (1 - 1e-9)));
}

function showNumbers() {
  const count = found.to - found.from;
  const small = (text) => element("small", "", text);
  byId("kept").replaceChildren(count.toLocaleString("en"), small(`of ${logits.length.toLocaleString("en")}`));
  byId("mass").replaceChildren(share(mass), small(`cut ${share(count === own.to ? 0 : 1 - mass)}`));
  byId("entropy").replaceChildren(found.entropy.toFixed(3), small(`model ${own.entropy.toFixed(3)}`));
  const choices = (h) => (h < Math.log(100) ? Math.exp(h).toFixed(1) : Math.round(Math.exp(h)).toLocaleString("en"));
  byId("choices").replaceChildren(choices(found.entropy), small(`model ${choices(own.entropy)}`));
  byId("meter").style.width = `${100 * mass}%`;
  for (const [name, left] of Object.entries(found.left)) {
    const off = settings[name] === OFF[name];
    byId(`${name}-left`).textContent = off ? "off" : `${left.toLocaleString("en")} left`;
  }
}

function showRows() {
  const now = byId("rows-order").value === "now";
  const list = now ? found.tokens.subarray(found.from, found.to) : own.tokens;
  const shown = [...list.subarray(0, Number(byId("rows-count").value))];
  const end = roundUp(Math.max(...shown.flatMap((token) => [own.probability[token], found.probability[token]])));
  byId("half").textContent = end / 2;
  byId("full").textContent = end;
  const bar = (name, value) => {
    const made = element("div", name);
    made.style.width = `${(100 * value) / end}%`;
    return made;
  };
  byId("rows").replaceChildren(...shown.map((token) => {
    const piece = element("span", step.seen.has(token) ? "piece seen" : "piece", data.pieces[token]);
    const [before, after] = [own.probability[token], found.probability[token]];
    return element("tr", found.kept[token] ? "" : "cut",
      element("td", "rank", rankOf[token] + 1), element("td", "token", piece), element("td", "id", token),
      element("td", "bars", bar("before", before), bar("after", after)),
      element("td", "number", share(before)), element("td", "number", found.kept[token] ? share(after) : "cut"));
  }));
}

/** Works out and shows everything; `typing` is the field that is being typed in. */
function show(typing) {
  found = distribution(step, settings);
  mass = keptMass(own, found);
  follow(settings, typing);
  showNumbers();
  showRows();
  for (const button of byId("presets").children) {
    button.setAttribute("aria-pressed", String(same(JSON.parse(button.dataset.settings))));
  }
}

const same = (texts) => Object.keys(OFF).every((name) => written(settings[name]) === (texts[name] ?? written(OFF[name])));

/** Settings from texts by their names; what is not there, or not allowed, is off. */
function take(texts) {
  for (const name of Object.keys(OFF)) {
    const value = read(texts[name] ?? "");
    settings[name] = KNOBS[name].allows(value) ? value : OFF[name];
  }
  show();
}

/** Keeps the settings in the page's address, and says in a sentence what they do. */
function settled() {
  const changed = Object.keys(OFF).filter((name) => settings[name] !== OFF[name]);
  const hash = changed.map((name) => `${name}=${written(settings[name])}`).join("&");
  history.replaceState(null, "", hash ? `#${hash}` : location.href.split("#")[0]);
  byId("said").textContent =
    `tokens kept: ${found.to - found.from}, their mass ${share(mass)}; entropy ${found.entropy.toFixed(3)} nats`;
}

const fromAddress = () => take(Object.fromEntries(new URLSearchParams(location.hash.slice(1))));

for (const token of data.tokens) {
  const piece = element("span", "piece", data.pieces[token]);
  byId("pieces").append(element("li", "", piece, element("small", "", token)));
}
byId("pieces").append(element("li", "next", "?"));
for (const preset of data.presets) {
  const button = element("button", "", preset.label);
  button.type = "button";
  button.dataset.settings = JSON.stringify(preset.settings);
  button.addEventListener("click", () => {
    take(preset.settings);
    settled();
  });
  byId("presets").append(button);
}
connect((name, value, typing) => {
  settings[name] = value;
  show(typing);
}, settled);
for (const id of ["rows-count", "rows-order"]) byId(id).addEventListener("change", showRows);
addEventListener("hashchange", fromAddress);
fromAddress();
