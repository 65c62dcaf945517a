// What pages do beyond links and forms: start a video at its moment, say that work is going on, check an upload.
"use strict";
(() => {
  const video = document.querySelector("video[data-start]");
  if (video) {
    const start = Number(video.dataset.start), end = Number(video.dataset.end);
    const note = document.querySelector(".player [data-note]");
    let isWhole = true, isMoment = true; // the whole file, or the moment cut out; whether to stop where the moment ends
    const play = () => {
      isMoment = true;
      video.currentTime = isWhole ? start : 0;
      video.play().catch(() => {}); // a browser may want a click first
    };
    video.addEventListener("loadedmetadata", () => { if (isWhole && Math.abs(video.currentTime - start) > 0.5) video.currentTime = start; });
    video.addEventListener("timeupdate", () => {
      if (isWhole && isMoment && video.currentTime >= end) { video.pause(); isMoment = false; }
    });
    video.addEventListener("seeking", () => { if (video.currentTime < start - 1 || video.currentTime > end) isMoment = false; });
    const showClip = () => {
      if (!isWhole) { note.textContent = "This browser cannot play the video."; note.hidden = false; return; }
      isWhole = false;
      note.textContent = "This browser does not play the file itself: here is the moment, converted.";
      note.hidden = false;
      video.src = video.dataset.clip;
    };
    video.addEventListener("error", showClip);
    // No error is raised where the sound alone can be played, or of joined films the first.
    video.addEventListener("loadeddata", () => { if (isWhole && (!video.videoWidth || video.duration <= start)) showClip(); });
    if (video.error) showClip();
    document.querySelector("[data-replay]").addEventListener("click", play);
  }

  const busy = document.querySelector(".busy");
  const say = (text) => { busy.textContent = text; busy.hidden = !text; };
  document.querySelectorAll("form[data-busy]").forEach((form) => form.addEventListener("submit", (event) => {
    const file = form.querySelector("input[type=file]")?.files[0];
    const note = form.querySelector("[data-note]");
    if (note) note.hidden = true;
    if (file && file.size > Number(form.dataset.limit)) {
      event.preventDefault();
      note.textContent = `${file.name} has ${Math.ceil(file.size / 1048576)} MiB, at most ${Math.floor(form.dataset.limit / 1048576)} are taken.`;
      note.hidden = false;
      return;
    }
    say(form.dataset.busy);
    const frame = form.target && document.querySelector(`iframe[name="${form.target}"]`);
    if (frame) {
      frame.hidden = false;
      frame.addEventListener("load", () => say(""), { once: true });
    }
  }));
  addEventListener("pageshow", () => say(""));
})();
