// One prompt at a time, all strategies side by side.

const control = Object.fromEntries(
  ["previous", "next", "place", "of", "search", "sample", "status", "scale", "prompt", "cards"].map((id) => [
    id,
    find(`#${id}`),
  ]),
);
const picked = (group) => find(`#${group} :checked`)?.value ?? "";
const all = about.loops.map((_, index) => index);
const state = { listed: all, at: 0, found: null, pattern: null, turn: 0 };

/** The prompts that the filter chooses, in its order. */
function chosen() {
  const by = { longest: about.longest, different: about.difference }[picked("choose")];
  const kept = picked("choose") === "loops" ? all.filter((index) => about.loops[index] > 0) : all;
  const searched = state.found ? kept.filter((index) => state.found.has(index)) : kept;
  return by ? searched.toSorted((a, b) => by[b] - by[a]) : searched;
}

/** List the prompts anew and show the first of them. */
function relist() {
  state.listed = chosen();
  return turnTo(0);
}

async function turnTo(at) {
  const turn = ++state.turn;
  state.at = Math.max(0, Math.min(at, state.listed.length - 1));
  const count = state.listed.length;
  control.place.value = count ? state.at + 1 : 0;
  control.place.max = count;
  control.of.textContent = `of ${count.toLocaleString("en")}`;
  control.previous.disabled = state.at === 0;
  control.next.disabled = state.at >= count - 1;
  hideTip();
  if (!count) {
    control.status.textContent = state.found ? "No prompt has a text with that in it." : "No prompt has a text that loops.";
    control.prompt.replaceChildren();
    control.cards.replaceChildren();
    return;
  }
  const index = state.listed[state.at];
  const { prompt, texts } = await entry(index);
  if (turn !== state.turn) return; // another prompt has been asked for since
  control.status.textContent = said(index, count);
  control.prompt.replaceChildren();
  append(control.prompt, prompt || "(no prompt)");
  show(texts);
}

function said(index, count) {
  const loops = about.loops[index];
  const facts = [
    count < all.length ? `${count} of ${all.length} prompts; this is number ${index + 1}` : "",
    loops ? `${loops} ${loops > 1 ? "texts loop" : "text loops"}` : "no text loops",
    `difference between the texts ${about.difference[index].toFixed(2)}`,
  ];
  return facts.filter(Boolean).join(" · ");
}

/** A card per strategy that is wanted: of several samples the chosen one, or the last there is. */
function show(texts) {
  const sample = Number(control.sample?.value ?? 0);
  const wanted = new Set(findAll("#shown :checked").map((box) => Number(box.value)));
  const cards = about.sources.map((source, index) => {
    const own = texts.filter((text) => text.source === index);
    const text = own.find((each) => each.sample === sample) ?? own.at(-1);
    return text && wanted.has(index) ? card(source, text) : null;
  });
  control.cards.replaceChildren(...cards.filter(Boolean));
}

function card(source, text) {
  const article = make("article", source.reference ? "card reference" : "card");
  const title = make("h3", "", source.label);
  const body = paragraph(text, state.pattern);
  body.tabIndex = 0;
  body.setAttribute("role", "group");
  body.setAttribute("aria-label", `Text of ${source.label}`);
  body.source = text;
  shade(body, text, picked("shade"));
  article.append(title, body, make("p", "facts", facts(text)));
  return article;
}

function facts(text) {
  const value = perplexity(text);
  return [
    `${text.count} tokens${text.finish === "eos" ? ", ended by itself" : ""}`,
    text.loop ? `loops from token ${text.loop.onset + 1}: ${text.loop.period} tokens, ${text.loop.repeats} times` : "",
    Number.isFinite(value) ? `perplexity ${value < 100 ? value.toPrecision(3) : Math.round(value)}` : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

/** Shade and underline what is shown. */
function paint() {
  const by = picked("shade");
  for (const body of findAll(".text", control.cards)) shade(body, body.source, by);
  control.scale.hidden = !by;
  if (by) control.scale.replaceChildren(SCALES[by][0], make("span", "ramp"), SCALES[by][1]);
  for (const box of findAll("#marks input")) control.cards.classList.toggle(box.value, box.checked);
}

let waiting = 0;
function search() {
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    const wanted = control.search.value.trim();
    const pattern = wanted ? new RegExp(wanted.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "giu") : null;
    const found = new Set();
    for (let chunk = 0; pattern && chunk < about.chunks.length; chunk++) {
      (await textsOf(chunk)).forEach(([prompt, rows], i) => {
        if ([prompt, ...rows.map((row) => row[2])].some((text) => text.search(pattern) >= 0))
          found.add(about.chunks[chunk] + i);
      });
      if (wanted !== control.search.value.trim()) return; // somebody types on
    }
    [state.found, state.pattern] = [pattern && found, pattern];
    relist();
  }, 150);
}

// Tokens: numbers under the pointer, and from token to token with the keys.

function point(span) {
  const body = span.closest(".text");
  find(".here", control.cards)?.classList.remove("here");
  span.classList.add("here");
  showTip(span, numbers(body.source, span));
}

function step(body, by) {
  const spans = findAll(".token", body);
  const at = spans.findIndex((span) => span.classList.contains("here"));
  const next = spans[Math.max(0, Math.min(spans.length - 1, at < 0 ? 0 : at + by))];
  if (next) point(next);
}

control.cards.addEventListener("pointerover", ({ target }) => {
  const span = target.closest(".token");
  if (span) point(span);
});
control.cards.addEventListener("pointerleave", () => {
  find(".here", control.cards)?.classList.remove("here");
  hideTip();
});

document.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const { target } = event;
  if (target.matches(".text")) step(target, by);
  else if (target.matches("input, select, textarea, .wide, .paper") || !inSight()) return;
  else turnTo(state.at + by);
  event.preventDefault();
});

function inSight() {
  const { top, bottom } = find("#browser").getBoundingClientRect();
  return top < innerHeight && bottom > 0;
}

if (all.length && "DecompressionStream" in window) {
  find("#browser").hidden = false;
  control.previous.addEventListener("click", () => turnTo(state.at - 1));
  control.next.addEventListener("click", () => turnTo(state.at + 1));
  control.place.addEventListener("change", () => turnTo(Math.trunc(Number(control.place.value)) - 1));
  control.search.addEventListener("input", search);
  control.sample?.addEventListener("change", () => turnTo(state.at));
  find("#choose").addEventListener("change", relist);
  find("#shade").addEventListener("change", paint);
  find("#marks").addEventListener("change", paint);
  find("#shown").addEventListener("change", () => turnTo(state.at));
  paint();
  relist();
} else if (all.length) {
  find("#texts").append(make("p", "", "This browser cannot unpack the texts; one from 2023 or later can."));
}
