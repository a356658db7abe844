"use strict";
// A slider and a number field for each setting. A slider goes through a list of round values, both ends included; the
// field takes any value that the library takes.

const range = (from, to, by) =>
  Array.from({ length: Math.round((to - from) / by) + 1 }, (_, i) => Number((from + i * by).toFixed(6)));

const KNOBS = {
  repetition_penalty: {
    steps: range(0.5, 2, 0.05).concat(3, 5, 10),
    allows: (value) => value > 0 && value < Infinity,
    allowed: "more than 0",
  },
  temperature: {
    steps: range(0, 2, 0.05).concat(2.5, 3, 4, 5, 7, 10, 20, 50, 100, Infinity),
    allows: (value) => value >= 0,
    allowed: "0 or more, or inf",
  },
  top_k: {
    steps: range(1, 20, 1).concat(25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000, 0),
    allows: (value) => Number.isInteger(value) && value >= 0,
    allowed: "a whole number, 0 for off",
  },
  top_p: {
    steps: [0.01, 0.02].concat(range(0.05, 0.95, 0.05), range(0.96, 0.99, 0.01), 0.995, 0.999, 1),
    allows: (value) => value > 0 && value <= 1,
    allowed: "more than 0, at most 1",
  },
  min_p: {
    steps: [0, 0.001, 0.002, 0.005].concat(range(0.01, 0.1, 0.01), range(0.15, 1, 0.05)),
    allows: (value) => value >= 0 && value <= 1,
    allowed: "from 0 to 1",
  },
  typical_p: {
    steps: [0.01, 0.02].concat(range(0.05, 0.95, 0.05), range(0.96, 0.99, 0.01), 0.995, 0.999, 1),
    allows: (value) => value > 0 && value <= 1,
    allowed: "more than 0, at most 1",
  },
};

const written = (value) => (value === Infinity ? "inf" : String(value));

/** The number that a text says, NaN if none. */
function read(text) {
  const plain = text.trim().toLowerCase();
  return plain === "" ? NaN : ["inf", "infinity", "∞"].includes(plain) ? Infinity : Number(plain);
}

/** The place on a slider nearest to a value; a top-k of 0 is the right end, where everything is kept. */
function place(name, value) {
  const { steps } = KNOBS[name];
  const size = (each) => (name === "top_k" && each === 0 ? Infinity : each);
  const off = (each) => (size(each) === size(value) ? 0 : Math.abs(size(each) - size(value)));
  return steps.reduce((best, each, i) => (off(each) < off(steps[best]) ? i : best), 0);
}

/** Connects the controls: `changed(name, value)` at every move, `settled()` when a move has ended. */
function connect(changed, settled) {
  for (const [name, knob] of Object.entries(KNOBS)) {
    const [slider, number] = [document.getElementById(name), document.getElementById(`${name}-number`)];
    slider.max = knob.steps.length - 1;
    slider.addEventListener("input", () => changed(name, knob.steps[slider.value]));
    number.addEventListener("input", () => {
      const value = read(number.value);
      complain(name, knob.allows(value) ? "" : knob.allowed);
      if (knob.allows(value)) changed(name, value, number);
    });
    for (const each of [slider, number]) each.addEventListener("change", settled);
  }
}

/** Says what a field allows, or nothing. */
function complain(name, allowed) {
  const said = document.getElementById(`${name}-wrong`);
  document.getElementById(`${name}-number`).setAttribute("aria-invalid", allowed !== "");
  said.textContent = allowed && `allowed: ${allowed}`;
  said.hidden = !allowed;
}

/** Puts the controls where the settings are, but for the field that is being typed in. */
function follow(settings, typing) {
  for (const name of Object.keys(KNOBS)) {
    const [slider, number] = [document.getElementById(name), document.getElementById(`${name}-number`)];
    slider.value = place(name, settings[name]);
    slider.setAttribute("aria-valuetext", settings[name] === OFF[name] ? "off" : written(settings[name]));
    if (number !== typing) {
      number.value = written(settings[name]);
      complain(name, "");
    }
  }
}
