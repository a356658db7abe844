// One prompt at a time, all strategies side by side.

const control = Object.fromEntries(
  ["previous", "next", "place", "of", "search", "sample", "status", "elsewhere", "scale", "prompt", "cards"].map(
    (id) => [id, find(`#${id}`)],
  ),
);
const picked = (group) => find(`#${group} :checked`)?.value ?? "";
const all = about.loops.map((_, index) => index);
const several = about.sources.filter((source) => !source.reference).length > 1;
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
    const kept = picked("choose") === "loops" ? "No prompt with a text that loops" : "No prompt";
    control.status.textContent = state.found ? `${kept} has a text with that in it.` : "No prompt has a text that loops.";
    control.prompt.replaceChildren();
    control.cards.replaceChildren();
    control.elsewhere.hidden = true;
    return;
  }
  const index = state.listed[state.at];
  const { prompt, texts } = await entry(index);
  if (turn !== state.turn) return; // another prompt has been asked for since
  const shown = shownOf(texts);
  control.status.replaceChildren(...said(index, count, shown));
  pointElsewhere(texts, shown);
  control.prompt.replaceChildren();
  write(control.prompt, prompt || "(no prompt)", 0, Infinity, hitsIn(prompt, state.pattern));
  control.cards.replaceChildren(...shown.map(card));
}

/** Of every strategy that is wanted its text; of several samples the chosen one, or the last there is. */
function shownOf(texts) {
  const sample = Number(control.sample?.value ?? 0);
  const wanted = findAll("#shown :checked").map((box) => Number(box.value));
  return wanted.flatMap((source) => {
    const own = texts.filter((text) => text.source === source);
    return own.find((each) => each.sample === sample) ?? own.at(-1) ?? [];
  });
}

function said(index, count, shown) {
  const facts = [
    count < all.length ? `${count} of ${all.length} prompts; this is number ${index + 1}` : "",
    looping(shown.filter((text) => text.loop).length, shown.length),
    several ? difference(about.difference[index]) : "",
  ];
  return facts.filter(Boolean).flatMap((fact, i) => (i ? [" · ", fact] : [fact]));
}

function looping(count, of) {
  if (of < 2) return ["nothing is shown", `the text ${count ? "loops" : "does not loop"}`][of];
  return `${count || "none"} of ${of} texts ${count > 1 ? "loop" : "loops"}`;
}

function difference(value) {
  const node = make("span", "explained", `difference between the texts ${value.toFixed(2)}`);
  node.tabIndex = 0;
  node.dataset.tip =
    "1 minus the share of neighbouring word pairs that the first texts of two strategies have in common, over all " +
    "twos of strategies: 0 where all texts are equal, 1 where no two share a pair";
  return node;
}

function card(text) {
  const source = about.sources[text.source];
  const article = make("article", source.reference ? "card reference" : "card");
  const title = make("h3", "", source.label);
  const body = paragraph(text, state.pattern);
  if (text.known) {
    body.tabIndex = 0;
    body.setAttribute("aria-describedby", "keys");
  }
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
    `${text.count} ${text.count === 1 ? "token" : "tokens"}${text.finish === "eos" ? ", ended by itself" : ""}`,
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
