// What pages do beyond links and forms: say that work is going on.
"use strict";
(() => {
  const busy = document.querySelector(".busy");
  const say = (text) => { busy.textContent = text; busy.hidden = !text; };
  document.querySelectorAll("form[data-busy]").forEach((form) => form.addEventListener("submit", () => {
    say(form.dataset.busy);
  }));
  addEventListener("pageshow", () => say(""));
})();
