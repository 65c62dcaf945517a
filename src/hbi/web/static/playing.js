// Pages with `player.html`, and that of an upload: the video, and the explanation beside it, whose clicks play it.
"use strict";
(() => {
  const video = document.querySelector("#player");
  const note = document.querySelector(".player [data-note]");
  const explained = document.querySelector(".explained");
  const busy = document.querySelector(".busy");
  const tell = (element, text) => { element.textContent = text; element.hidden = !text; };

  // Seconds are those of the video's own axis. A moment that was cut out begins at one of them: `data-offset`.
  const offset = () => Number(video.dataset.offset);
  const goTo = (seconds) => { video.currentTime = Math.max(0, seconds - offset()); };
  let wanted = Number(video.dataset.at ?? 0); // where to be when a source is ready
  let isAsked = false; // whether a click has asked to play from there

  // What plays is a stretch of seconds and stops where that ends, unless its reader goes elsewhere; null: it plays on.
  let stretch = null;
  const now = () => video.currentTime + offset();
  video.addEventListener("timeupdate", () => {
    if (stretch && !video.paused && now() >= stretch.end) { video.pause(); stretch = null; }
  });
  video.addEventListener("seeking", () => {
    if (stretch && (now() < stretch.start - 1 || now() >= stretch.end)) stretch = null;
  });
  document.addEventListener("hbi:play", ({ detail: { seconds, until } }) => {
    [wanted, isAsked] = [seconds, true];
    stretch = until === undefined ? null : { start: seconds, end: until };
  });

  // The explanation tells to which second the video reaches. What a browser thinks ends earlier is no use: it plays the
  // first of joined films, or counts from the first picture; and of some files it can play the sound alone.
  const lastSecond = () => {
    const data = explained?.querySelector(".hbi-data");
    return data ? Math.max(...JSON.parse(data.textContent).seconds.map(([, start]) => start)) : wanted;
  };
  const isOfUse = () => video.videoWidth > 0 && !(video.duration + offset() <= lastSecond());

  async function errorOf(response) {
    const said = await response.json().catch(() => ({}));
    return said.error ?? `the server says ${response.status}`;
  }

  function insert(markup) {
    explained.innerHTML = markup;
    document.dispatchEvent(new Event("hbi:attach"));
    if (video.readyState >= 1 && !isOfUse()) video.dispatchEvent(new Event("unusable"));
  }

  function moment() {
    const start = Number(video.dataset.from), end = Number(video.dataset.to);
    const sources = [...video.querySelectorAll("source")];
    const current = () => sources.find((source) => source.src === video.currentSrc);
    const replay = document.querySelector("[data-replay]");
    if (replay) stretch = { start, end };

    const ready = () => {
      video.dataset.offset = current()?.dataset.offset ?? 0;
      if (!isOfUse()) return next();
      if (Math.abs(video.currentTime + offset() - wanted) > 0.05) goTo(wanted);
      const isWhole = offset() === 0 && !current()?.src.includes("/clip/");
      const what = isWhole ? "it is shown converted" : "the moment is shown, converted";
      tell(note, current() && !("original" in current().dataset) ? `This browser does not play the file itself: ${what}.` : "");
    };
    // The browser takes the next source by itself where one cannot be loaded, but not where it is of no use.
    const next = () => {
      const here = current(), at = sources.indexOf(here);
      const following = sources[at + 1];
      if (!following) return tell(note, "This browser cannot play the video.");
      sources.slice(0, at + 1).forEach((source) => source.remove());
      sources.splice(0, at + 1);
      video.load();
      if (isAsked) video.play().catch(() => {});
    };
    video.addEventListener("loadedmetadata", ready);
    video.addEventListener("error", next); // it broke while playing
    video.addEventListener("unusable", next);
    sources.forEach((source) => source.addEventListener("error", () => { if (source === sources.at(-1)) failed(); }));
    const failed = async () => {
      tell(note, "This browser cannot play the video.");
      const response = await fetch(sources.at(-1).src, { headers: { accept: "application/json", range: "bytes=0-0" } }).catch(() => null);
      if (response && !response.ok) tell(note, `The video cannot be played: ${await errorOf(response)}`);
    };
    replay?.addEventListener("click", () => {
      wanted = start;
      goTo(start);
      stretch = { start, end };
      video.play().catch(() => {}); // a browser may want a click first
    });
    if (video.readyState >= 1) ready();
    else if (video.networkState === HTMLMediaElement.NETWORK_NO_SOURCE) failed();
    if (explained) explain();
  }

  async function explain() {
    const quiet = explained.querySelector("p");
    const link = quiet.innerHTML;
    tell(quiet, "Explaining …");
    const response = await fetch(explained.dataset.explanation, { headers: { accept: "application/json" } }).catch(() => null);
    if (response?.ok) return insert(await response.text());
    quiet.className = "notice bad";
    quiet.setAttribute("role", "alert");
    tell(quiet, `It cannot be explained: ${response ? await errorOf(response) : "the server does not answer"}. `);
    quiet.insertAdjacentHTML("beforeend", link);
  }

  function upload() {
    const form = document.querySelector("form.upload");
    const problem = form.querySelector("[data-problem]"), shown = document.querySelector("[data-uploaded]");
    let file = null, isConverted = false, address = null, turn = 0;

    const show = (content) => {
      if (address) URL.revokeObjectURL(address);
      video.src = address = URL.createObjectURL(content);
    };
    // A file that this browser does not play comes back converted.
    const convert = async () => {
      if (isConverted) return tell(note, "This browser cannot play the video.");
      isConverted = true;
      video.removeAttribute("src");
      video.load();
      const now = turn, body = new FormData();
      body.append("clip", file);
      tell(note, "This browser does not play the file itself: it is being converted …");
      const response = await fetch("/converted", { method: "POST", body, headers: { accept: "application/json" } }).catch(() => null);
      if (now !== turn) return;
      if (!response?.ok) return tell(note, `This browser does not play ${file.name}: ${response ? await errorOf(response) : "the server does not answer"}`);
      show(await response.blob());
      tell(note, "This browser does not play the file itself: it is shown converted.");
    };
    video.addEventListener("error", () => { if (address) convert(); });
    video.addEventListener("unusable", convert);
    video.addEventListener("loadedmetadata", () => {
      if (!isOfUse()) return convert();
      if (isAsked) goTo(wanted);
      if (isAsked) video.play().catch(() => {});
    });

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const now = (turn += 1);
      file = form.querySelector("input[type=file]").files[0];
      [isConverted, isAsked, wanted, stretch] = [false, false, 0, null];
      [problem, note].forEach((element) => tell(element, ""));
      shown.hidden = true;
      explained.textContent = "";
      const limit = Number(form.dataset.limit);
      if (file.size > limit) {
        return tell(problem, `${file.name} has ${Math.ceil(file.size / 1048576)} MiB, at most ${Math.floor(limit / 1048576)} are taken.`);
      }
      tell(busy, `decoding and explaining ${file.name} …`);
      const response = await fetch("/explanation/section", { method: "POST", body: new FormData(form), headers: { accept: "application/json" } }).catch(() => null);
      if (now !== turn) return;
      tell(busy, "");
      if (!response?.ok) {
        const said = response ? await errorOf(response) : "the server does not answer";
        return tell(problem, said.includes(file.name) ? said : `${file.name}: ${said}`);
      }
      const markup = await response.text();
      shown.hidden = false;
      document.querySelector("[data-name]").textContent = file.name;
      video.setAttribute("aria-label", file.name);
      show(file);
      insert(markup);
    });
  }

  if (video.dataset.from) moment();
  else upload();
})();
