// On paper nothing can be opened: what is closed is open there, and closed again afterwards.

let opened = [];
addEventListener("beforeprint", () => {
  opened = findAll("details:not(#shown, [open])");
  for (const details of opened) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
});
