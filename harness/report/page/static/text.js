// One continuation as spans: a span per token, or per character where tokens share one.

// How dark a value is: from 0 at nothing to 1 at what counts as much.
const DARKNESS = {
  surprisal: (nats) => nats / 10,
  entropy: (nats) => nats / 8,
  rank: (rank) => Math.log10(1 + rank) / 4,
};
const SCALES = {
  surprisal: ["0 nats (certain)", "10 nats and more"],
  entropy: ["0 nats (certain)", "8 nats and more"],
  rank: ["1 (likeliest)", "10,000 and more"],
};

/** Where a pattern (or none) stands in a string: [[start, end], …]. */
function hitsIn(string, pattern) {
  return pattern ? [...string.matchAll(pattern)].map((match) => [match.index, match.index + match[0].length]) : [];
}

/** A paragraph of the text; matches of `pattern` are marked. */
function paragraph(text, pattern) {
  const node = make("p", "text");
  node.dir = "auto";
  const hits = hitsIn(text.text, pattern);
  if (!text.known) {
    write(node, text.text, 0, text.text.length, hits);
    return node;
  }
  let [start, first] = [0, 0];
  for (let token = 0; token < text.known; token++) {
    const end = start + text.length[token];
    const { loop } = text;
    if (loop && token === loop.onset) node.append(onset(loop));
    if (end === start && token + 1 < text.known) continue; // the next token ends the character
    const span = make("span", "token");
    span.tokens = [first, token];
    if (loop && token >= loop.onset) {
      span.classList.add("loop");
      if (Math.floor((token - loop.onset) / loop.period) % 2) span.classList.add("odd-turn");
    }
    if (text.repeated[token]) span.classList.add("gram");
    if (end > start) write(span, text.text, start, end, hits);
    else span.append(make("span", "ended", "■")); // special tokens write nothing
    node.append(span);
    [start, first] = [end, token + 1];
  }
  return node;
}

function onset(loop) {
  const mark = make("span", "onset", "⟲");
  mark.dataset.tip = `a loop starts: ${loop.period} tokens, ${loop.repeats} times`;
  mark.setAttribute("aria-label", `[${mark.dataset.tip}] `);
  mark.setAttribute("role", "img");
  return mark;
}

/** Add text[start:end] to the node, with the parts that lie in `hits` marked. */
function write(node, text, start, end, hits) {
  let at = start;
  for (const [from, to] of hits) {
    if (to <= at || from >= end) continue;
    const [open, close] = [Math.max(at, from), Math.min(end, to)];
    const mark = make("mark");
    append(node, text.slice(at, open), text[open]);
    append(mark, text.slice(open, close), text[close]);
    node.append(mark);
    at = close;
  }
  append(node, text.slice(at, end), text[end]);
}

/** Shade the spans of a paragraph by "surprisal", "entropy" or "rank"; "" takes the shades away. */
function shade(node, text, by) {
  node.classList.toggle("shaded", by !== "");
  for (const span of by ? findAll(".token", node) : []) {
    const [first, last] = span.tokens;
    const values = Array.from(text[by].subarray(first, last + 1), (code) => decoded(by, code));
    const worst = Math.max(...values.map((value) => DARKNESS[by](value)));
    span.style.setProperty("--dark", Number.isNaN(worst) ? 0 : Math.min(1, worst).toFixed(3));
  }
}

/** What there is to know about the tokens of a span, as nodes. */
function numbers(text, span) {
  const [first, last] = span.tokens;
  const piece = make("strong");
  append(piece, text.text.slice(...place(text, first, last)) || "(writes nothing)");
  const table = make("table");
  for (let token = first; token <= last; token++) {
    const surprisal = decoded("surprisal", text.surprisal[token]);
    const rank = decoded("rank", text.rank[token]);
    for (const [key, value] of [
      ["token", token < text.count ? `${token + 1} of ${text.count}` : "end of text"],
      ["probability", Number.isNaN(surprisal) ? "–" : digits(Math.exp(-surprisal))],
      ["surprisal", nats(surprisal)],
      ["entropy", nats(decoded("entropy", text.entropy[token]))],
      ["rank", Number.isNaN(rank) ? "–" : `${(rank + 1).toLocaleString("en")}${rank === INFINITE ? " or more" : ""}`],
    ]) {
      const row = table.insertRow();
      row.append(make("th", "", key), make("td", "", value));
    }
  }
  return [piece, table];
}

function place(text, first, last) {
  const sum = (until) => text.length.subarray(0, until).reduce((a, b) => a + b, 0);
  return [sum(first), sum(last + 1)];
}

function nats(value) {
  return Number.isNaN(value) ? "–" : `${value === Infinity ? "∞" : value.toFixed(2)} nats`;
}

function digits(share) {
  return share !== 0 && share < 0.0001 ? share.toExponential(1) : String(Number(share.toPrecision(2)));
}

/** Perplexity of the whole text, or NaN. */
function perplexity(text) {
  const values = Array.from(text.surprisal, (code) => decoded("surprisal", code));
  return values.length ? Math.exp(values.reduce((a, b) => a + b, 0) / values.length) : NaN;
}
