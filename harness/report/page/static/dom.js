// Small tools. Text enters the page through `textContent` and text nodes alone: nothing in it is ever markup.

const find = (selector, inside = document) => inside.querySelector(selector);
const findAll = (selector, inside = document) => [...inside.querySelectorAll(selector)];

// What shows nothing or turns text around: control, format, surrogate and private characters, but not the joiners.
const HIDDEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Co}]/u;
const BREAK = /\r\n|[\r\n\v\f\x85\u2028\u2029]/u;
const SPECIAL = new RegExp(`${BREAK.source}|\\t|${HIDDEN.source}`, "gu");

function make(tag, className = "", text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

/**
 * Add `text` to `node` as it reads: line ends shown and kept, tabs as spaces, hidden characters named.
 * Of several line ends in a row all are shown and one is kept; `next` is what follows the text.
 */
function append(node, text, next = "") {
  let at = 0;
  for (const { 0: found, index } of text.matchAll(SPECIAL)) {
    node.append(text.slice(at, index));
    at = index + found.length;
    if (found === "\t") node.append("    ");
    else if (!BREAK.test(found)) node.append(make("span", "odd", name(found)));
    else node.append(make("span", "newline"), BREAK.test(text[at] ?? next) ? "" : "\n");
  }
  node.append(text.slice(at));
}

function name(character) {
  return `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
}
