// One tooltip for all: what has `data-tip` shows it under the pointer and with the focus; Escape closes it.

const tip = find("#tip");

/** Show `content` (a string or nodes) beside `place`. */
function showTip(place, content) {
  tip.replaceChildren(...[content].flat());
  tip.hidden = false;
  const box = place.getClientRects()[0] ?? place.getBoundingClientRect();
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - width - 8));
  const below = box.bottom + 6 + height < innerHeight;
  tip.style.left = `${left + scrollX}px`;
  tip.style.top = `${(below ? box.bottom + 6 : Math.max(4, box.top - height - 6)) + scrollY}px`;
}

function hideTip() {
  tip.hidden = true;
}

for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, ({ target }) => {
    const place = target.closest?.("[data-tip]");
    if (place?.dataset.tip) showTip(place, place.dataset.tip);
    else if (!target.closest?.(".token")) hideTip();
  });
}
document.addEventListener("focusout", hideTip);
document.addEventListener("keydown", ({ key }) => key === "Escape" && hideTip());
