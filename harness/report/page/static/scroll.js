// What is wider than its place scrolls with the keys once it has the focus: only then is it a stop of the tab key.

for (const box of findAll(".wide, .paper")) {
  const watcher = new ResizeObserver(() => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
  for (const each of [box, box.firstElementChild]) watcher.observe(each);
}
