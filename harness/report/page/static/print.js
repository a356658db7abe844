// On paper nothing can be opened.

addEventListener("beforeprint", () => {
  for (const details of findAll("details:not(#shown)")) details.open = true;
});
