"use strict";
// What a sampler makes of one row of logits. Numbers in, numbers out, in float64; nothing here knows the page.
//
// l is the logit of a token and p its probability. Tokens are ranked by falling logit, equal ones by rising id, and
// `values` holds their logits in that order minus the largest, so that the first is 0 and weights exp(value) cannot
// overflow. No step changes that order: what is still possible is always one run of ranks, from `from` up to and
// without `to`. The steps and their order are those of harness.strategies.sampling.sample, then min-p and typical-p.

/** The settings that change nothing. */
const OFF = { repetition_penalty: 1, temperature: 1, top_k: 0, top_p: 1, min_p: 0, typical_p: 1 };

/** p = exp(l) / Σ exp(l), over ranks from..to. */
function softmax(values, from, to) {
  const p = new Float64Array(values.length);
  let total = 0;
  for (let rank = from; rank < to; rank++) total += p[rank] = Math.exp(values[rank] - values[from]);
  for (let rank = from; rank < to; rank++) p[rank] /= total;
  return p;
}

/** H = - Σ p · log p, in nats, where 0 · log 0 = 0. */
function entropy(p) {
  let sum = 0;
  for (const each of p) if (each > 0) sum -= each * Math.log(each);
  return sum;
}

/** Repetition penalty θ (Keskar et al., 2019): for every token of the prompt, l / θ where l ≥ 0, and l · θ below.
 *  `round` is what the library rounds to here: the model's own number format. */
function penalise(logits, seen, penalty, round) {
  const changed = Float64Array.from(logits);
  for (const token of seen) {
    const l = logits[token];
    changed[token] = round(l < 0 ? l * round(penalty) : l / round(penalty));
  }
  return changed;
}

/** All tokens by falling logit, equal ones by rising id. */
function sorted(logits) {
  return Uint32Array.from(logits, (_, token) => token).sort((a, b) => logits[b] - logits[a] || a - b);
}

/** Tokens by falling logit, equal ones by rising id; and l - max l in that order.
 *  `order` is that of the model's own logits, of which only those of `moved` have changed: these alone are sorted, and
 *  merged with the others, as sorting a whole vocabulary takes longer than all the rest. */
function rank(logits, order, moved) {
  const falling = (a, b) => logits[b] - logits[a] || a - b;
  const others = order.filter((token) => !moved.has(token));
  const few = [...moved].sort(falling);
  const tokens = new Uint32Array(order.length);
  for (let at = 0, i = 0, j = 0; at < tokens.length; at++) {
    const first = j === few.length || (i < others.length && falling(others[i], few[j]) < 0);
    tokens[at] = first ? others[i++] : few[j++];
  }
  const peak = logits[tokens[0]];
  return { tokens, values: Float64Array.from(tokens, (token) => logits[token] - peak) };
}

/** Temperature τ (Ackley et al., 1985): p ∝ exp(l / τ). τ = 0 keeps the largest alone (all of them, if several are
 *  equal), τ = ∞ makes everything that is possible equally likely: both limits are exact. */
function temper(values, temperature) {
  if (temperature === 0) return values.map((value) => (value < 0 ? -Infinity : 0));
  if (temperature === Infinity) return values.map((value) => (value === -Infinity ? -Infinity : 0));
  return values.map((value) => value / temperature);
}

/** How many tokens are possible at all: those with a logit above -∞. */
function possible(values) {
  let to = values.length;
  while (values[to - 1] === -Infinity) to--;
  return to;
}

/** Top-k (Fan et al., 2018): keep l ≥ the k-th largest l. Tokens equal to the k-th are kept too. 0 is off. */
function topK(values, to, k) {
  if (k === 0 || k >= to) return to;
  let kept = k;
  while (kept < to && values[kept] === values[k - 1]) kept++;
  return kept;
}

/** Top-p (Holtzman et al., 2020): keep the likeliest tokens up to the first where Σ p ≥ top_p. 1 is off. */
function topP(values, to, share) {
  if (share === 1) return to;
  let total = 0;
  for (let rank = 0; rank < to; rank++) total += Math.exp(values[rank]);
  let [kept, before] = [0, 0];
  while (kept < to && before < share * total) before += Math.exp(values[kept++]);
  return kept;
}

/** Min-p (Nguyen et al., 2024): keep p ≥ min_p · max p, which is exp(value) ≥ min_p. 0 is off. */
function minP(values, to, share) {
  if (share === 0) return to;
  let kept = 0;
  while (kept < to && Math.exp(values[kept]) >= share) kept++;
  return kept;
}

/** Typical-p (Meister et al., 2023): keep the tokens whose surprisal -log p is nearest to the entropy H, from the
 *  nearest outwards up to the first where Σ p ≥ typical_p, and those as near as that one. 1 is off. */
function typicalP(values, to, share) {
  if (share === 1) return [0, to];
  const p = softmax(values, 0, to);
  const h = entropy(p);
  const surprisal = (rank) => -Math.log(p[0]) - values[rank]; // -log p, also where p has become 0
  const distance = (rank) => (rank < 0 || rank >= to ? Infinity : Math.abs(surprisal(rank) - h));
  let end = 0;
  while (end < to && surprisal(end) < h) end++; // surprisal rises with the rank, so H lies between two
  let [from, sum, last] = [end, 0, 0];
  const nearest = () => Math.min(distance(from - 1), distance(end));
  while (nearest() < Infinity && (sum < share || nearest() === last)) {
    last = nearest();
    sum += distance(from - 1) <= distance(end) ? p[--from] : p[end++];
  }
  return [from, end];
}

/** All steps, one after the other.
 *  step: { logits, order, seen, round }, order being sorted(logits); settings: numbers by the names of OFF.
 *  Gives `tokens` by rank, of which from..to are possible; by token its `probability` and whether it is `kept`; and how
 *  many are `left` after each step. */
function distribution(step, settings) {
  const moved = settings.repetition_penalty === OFF.repetition_penalty ? new Set() : step.seen;
  const ranked = rank(penalise(step.logits, moved, settings.repetition_penalty, step.round), step.order, moved);
  const values = temper(ranked.values, settings.temperature);
  const left = { repetition_penalty: possible(ranked.values), temperature: possible(values) };
  left.top_k = topK(values, left.temperature, settings.top_k);
  left.top_p = topP(values, left.top_k, settings.top_p);
  left.min_p = minP(values, left.top_p, settings.min_p);
  const [from, to] = typicalP(values, left.min_p, settings.typical_p);
  left.typical_p = to - from;
  const byRank = softmax(values, from, to);
  const [probability, kept] = [new Float64Array(values.length), new Uint8Array(values.length)];
  for (let rank = from; rank < to; rank++) {
    probability[ranked.tokens[rank]] = byRank[rank]; // 0 also where it rounds to 0: `kept` tells these from the others
    kept[ranked.tokens[rank]] = 1;
  }
  return { tokens: ranked.tokens, from, to, probability, kept, left, entropy: entropy(byRank) };
}

/** What the model's own distribution gives the tokens that another one leaves possible. */
function keptMass(own, found) {
  let sum = 0;
  for (let rank = found.from; rank < found.to; rank++) sum += own.probability[found.tokens[rank]];
  return Math.min(1, sum);
}
