// What result pages do beyond links: play a moment in its card, and leave out of an address what says nothing.
"use strict";
(() => {
  document.querySelectorAll('form:not([method="post"])').forEach((form) => form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  }));

  const isCalm = matchMedia("(prefers-reduced-motion: reduce)");
  let shown = null, timer = 0; // the preview that there is, one at a time, and the one that will be
  const stop = () => {
    clearTimeout(timer);
    if (!shown) return;
    shown.pause();
    shown.removeAttribute("src"); // so that nothing more of it is sent
    shown.load();
    shown.remove();
    shown = null;
  };
  const play = (card) => {
    const video = shown = document.createElement("video");
    const from = Number(card.dataset.previewFrom);
    video.muted = video.loop = video.playsInline = true;
    video.hidden = true;
    video.tabIndex = -1;
    video.setAttribute("aria-hidden", "true");
    video.addEventListener("loadedmetadata", () => { if (from > 0 && from < video.duration - 1) video.currentTime = from; });
    video.addEventListener("playing", () => { video.hidden = false; });
    video.addEventListener("error", () => { if (shown === video) stop(); });
    video.src = card.dataset.preview;
    card.querySelector(".picture").append(video);
    video.play().catch(() => {});
  };
  const start = (card) => {
    stop();
    if (!isCalm.matches) timer = setTimeout(play, 300, card); // not for a pointer that only passes
  };
  document.querySelectorAll("[data-preview]").forEach((card) => {
    const picture = card.querySelector(".picture"), link = card.querySelector(".file");
    picture.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") start(card); });
    picture.addEventListener("pointerleave", stop);
    link.addEventListener("focus", () => { if (link.matches(":focus-visible")) start(card); });
    link.addEventListener("blur", stop);
  });
  addEventListener("pagehide", stop);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") stop(); });
})();
