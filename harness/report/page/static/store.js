// The texts and numbers inside the page (harness/report/page/pack.py writes them), unpacked a chunk at a time.

const about = JSON.parse(find("#about").textContent);
const blocks = findAll("script.chunk");
const COLUMNS = ["length", "surprisal", "entropy", "rank", "repeated"];
const [INFINITE, UNKNOWN] = [65534, 65535];
const unpacked = { texts: new Map(), numbers: new Map() };

/** Prompt number i: `{prompt, texts}`, each text with its tokens' numbers. */
async function entry(index) {
  const chunk = chunkOf(index);
  const [texts, numbers] = await Promise.all([textsOf(chunk), numbersOf(chunk)]);
  const first = about.chunks[chunk];
  let at = texts.slice(0, index - first).flatMap(([, rows]) => rows).reduce((sum, row) => sum + row[5], 0);
  const [prompt, rows] = texts[index - first];
  return {
    prompt,
    texts: rows.map(([source, sample, text, finish, count, known, onset, period, repeats]) => {
      const start = at;
      at += known;
      const columns = Object.fromEntries(COLUMNS.map((name) => [name, numbers[name].subarray(start, at)]));
      const loop = onset === undefined ? null : { onset, period, repeats };
      return { source, sample, text, finish, count, known, loop, ...columns };
    }),
  };
}

/** The prompts of a chunk, texts alone: [[prompt, [[source, sample, text, …], …]], …]. */
function textsOf(chunk) {
  return once(unpacked.texts, chunk, async () => JSON.parse(new TextDecoder().decode(await inflate(chunk, "texts"))));
}

function numbersOf(chunk) {
  return once(unpacked.numbers, chunk, async () => {
    const bytes = await inflate(chunk, "numbers");
    const size = bytes.length / (2 * COLUMNS.length);
    const plane = (i) => {
      const [high, low] = [2 * i, 2 * i + 1].map((part) => bytes.subarray(part * size, (part + 1) * size));
      return Uint16Array.from(low, (byte, j) => byte + 256 * high[j]);
    };
    return Object.fromEntries(COLUMNS.map((name, i) => [name, plane(i)]));
  });
}

function chunkOf(index) {
  return about.chunks.findLastIndex((first) => first <= index);
}

function once(kept, key, work) {
  if (!kept.has(key)) kept.set(key, work());
  return kept.get(key);
}

async function inflate(chunk, part) {
  const packed = JSON.parse(blocks[chunk].textContent)[part];
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A surprisal or an entropy in nats, or a rank, from its code; NaN where it is not known. */
function decoded(name, code) {
  if (code === UNKNOWN) return NaN;
  if (name === "rank") return code;
  return code === INFINITE ? Infinity : about.tops[name] * (code / about.levels) ** 2;
}
