// Search: in all texts and prompts. What it finds in texts that are not shown, it says.

const NAMED = 3; // texts that are not shown and are named at most
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

/** Buttons that show those texts of a prompt that were searched for, by words or as loops, and are not shown. */
function pointElsewhere(texts, shown) {
  const { pattern } = state;
  const wanted = pattern ? (text) => text.text.search(pattern) >= 0 : (text) => picked("choose") === "loops" && text.loop;
  const others = texts.filter((text) => wanted(text) && !shown.includes(text));
  const ways = others.slice(0, NAMED).map((text) => {
    const { label } = about.sources[text.source];
    const one = texts.filter((other) => other.source === text.source).length === 1;
    const button = make("button", "", one ? label : `sample ${text.sample + 1} of ${label}`);
    button.type = "button";
    button.addEventListener("click", () => reveal(text));
    return button;
  });
  const more = others.length > NAMED ? `and ${others.length - NAMED} more` : "";
  control.elsewhere.replaceChildren(pattern ? "Found in texts not shown: " : "Looping texts not shown: ", ...ways, more);
  control.elsewhere.hidden = !others.length;
}

/** Show the strategy and the sample that a text is of. */
async function reveal({ source, sample }) {
  if (control.sample) control.sample.value = sample;
  find(`#shown [value="${source}"]`).checked = true;
  await turnTo(state.at);
  const body = findAll(".text", control.cards).find((each) => each.source.source === source);
  body?.focus({ preventScroll: true });
  body?.scrollIntoView({ block: "nearest" });
}
