// What a page needs that takes in sections from `explanation_section` (style and script: `section_assets()`):
// - Sections that are there when the script runs attach themselves. After adding one later, say so:
//     document.dispatchEvent(new Event("hbi:attach"));
//   A section that is taken away needs nothing: its listeners are its own, or look whether it is still there.
// - A section plays the videos inside of itself. Without one it plays the video that it names by
//   `data-player="#id"` (the argument `player_id`); it is looked up at each click, so that it may come or change later.
//   A video that begins later than the file which was explained says by how many seconds: `data-offset="12.5"`.
// - Without any video the picture of the frame is shown large.
// - When something is chosen the section gets the event `hbi:play`, with `detail.frame` and `detail.seconds`; of a moment
//   also with `detail.until`, where to stop. A section stops the videos inside of itself; its page stops those outside.
// - The policy of the page has to allow inline style (`style-src 'unsafe-inline'`) and `img-src data:`.

function attachAll() {
  document.querySelectorAll(".hbi-explanation:not(.hbi-ready)").forEach((section) => {
    section.classList.add("hbi-ready");
    const data = JSON.parse(section.querySelector(".hbi-data").textContent);
    const playing = new Playing(section, data);
    new Interactions(section, data, playing);
    if (section.querySelector(".hbi-lines")) new FirstView(section, data, playing);
  });
}

document.addEventListener("hbi:attach", attachAll);
addEventListener("beforeprint", () => {
  document.querySelectorAll(".hbi-explanation details").forEach((part) => (part.open = true));
});

const isStill = matchMedia("(prefers-reduced-motion: reduce)");

// A video of the page itself that is to play at once, unless its reader wants pages to stand still.
if (!isStill.matches) document.querySelectorAll("video[data-plays]").forEach((video) => video.play().catch(() => {}));

// The videos of a section: plays them at a frame, and marks the frame that is seen.
class Playing {
  constructor(section, data) {
    this.section = section;
    this.seconds = data.seconds;
    this.lines = section.querySelector(".hbi-lines");
    this.still = section.querySelector(".hbi-still");
    section.querySelectorAll(".hbi-player").forEach((video) => {
      video.addEventListener("error", () => this.drop(video)); // a browser without this format has the pictures
      video.addEventListener("timeupdate", () => this.stop(video));
      video.addEventListener("seeking", () => this.leave(video));
    });
    // Of videos outside as well: these events do not rise, but are seen on their way down.
    const seen = (event) => {
      if (!section.isConnected) ["timeupdate", "seeked"].forEach((type) => document.removeEventListener(type, seen, true));
      else if (this.videos().includes(event.target)) this.mark(event.target);
    };
    ["timeupdate", "seeked"].forEach((type) => document.addEventListener(type, seen, true));
  }

  videos() {
    const own = [...this.section.querySelectorAll("video")];
    const named = this.section.dataset.player ? document.querySelector(this.section.dataset.player) : null;
    return own.length || !named ? own : [named];
  }

  drop(video) {
    video.remove();
    if (this.still && !this.videos().length) this.still.hidden = false;
  }

  // Plays the video at a frame, up to the end of the frame `last`, or on; undefined: stops.
  play(frame, last) {
    const [number, start] = this.seconds[frame] ?? [];
    const until = this.seconds[last]?.[2];
    this.moment = until === undefined ? null : { start, until };
    const videos = this.videos();
    for (const video of videos) {
      if (frame === undefined || Number(video.dataset.player ?? 0) !== number) video.pause();
      else {
        video.currentTime = Math.max(0, start - Number(video.dataset.offset ?? 0));
        if (!isStill.matches) video.play().catch(() => {}); // a browser may want to be asked by the player's own button
      }
    }
    if (frame === undefined) return;
    if (!videos.length) this.enlarge(frame);
    this.section.dispatchEvent(new CustomEvent("hbi:play", { bubbles: true, detail: { frame, seconds: start, until } }));
  }

  // A moment stops where it ends, unless its reader has gone elsewhere.
  stop(video) {
    if (!this.moment || video.paused || this.secondOf(video) < this.moment.until) return;
    video.pause();
    this.moment = null;
  }

  leave(video) {
    const now = this.secondOf(video);
    if (this.moment && (now < this.moment.start - 1 || now >= this.moment.until)) this.moment = null;
  }

  secondOf(video) {
    return video.currentTime + Number(video.dataset.offset ?? 0);
  }

  // Scrolls a video that is out of sight, or the enlarged picture, to where it is seen.
  bring() {
    const shown = this.videos()[0] ?? this.still;
    const { top, bottom } = shown?.getBoundingClientRect() ?? { top: 0, bottom: innerHeight };
    if (bottom < 60 || top > innerHeight - 60) shown.scrollIntoView({ block: "nearest", behavior: isStill.matches ? "auto" : "smooth" });
  }

  enlarge(frame) {
    if (!this.still) return;
    this.still.hidden = false;
    const button = this.section.querySelector(`.hbi-frame[data-frame="${frame}"]`);
    this.still.firstElementChild.className = `hbi-thumb ${this.section.id}-t${frame}`;
    this.still.lastElementChild.textContent = button?.getAttribute("aria-label") ?? "";
    this.markAt(frame, 0);
  }

  mark(video) {
    const number = Number(video.dataset.player ?? 0);
    const time = this.secondOf(video);
    const now = this.seconds.findIndex(([of, start, end]) => of === number && start <= time && time < end);
    const [, start, end] = this.seconds[now] ?? [];
    this.markAt(now, now < 0 ? 0 : (time - start) / (end - start));
  }

  markAt(now, share) {
    this.section.querySelectorAll(".hbi-frame, .hbi-shot").forEach((part) => {
      const first = Number(part.dataset.frame), last = Number(part.dataset.last ?? first);
      part.classList.toggle("now", first <= now && now <= last);
    });
    if (!this.lines) return;
    this.lines.classList.toggle("hbi-seen", now >= 0);
    const lengths = this.seconds.map(([, start, end]) => end - start);
    const sum = (some) => some.reduce((one, other) => one + other, 0);
    if (now >= 0) this.lines.style.setProperty("--now", (sum(lengths.slice(0, now)) + share * lengths[now]) / (sum(lengths) || 1));
  }
}

// The little window beside what is pointed at: the frame's picture, and a sentence.
class Tip {
  constructor(section) {
    this.id = section.id;
    this.box = section.querySelector(".hbi-tip");
    [this.picture, this.text] = this.box.children;
    const place = () => (section.isConnected ? this.place() : document.removeEventListener("scroll", place, true));
    document.addEventListener("scroll", place, { capture: true, passive: true });
  }

  show(beside, frame, sentence, isColumn) {
    Object.assign(this, { beside, isColumn });
    this.box.hidden = !beside;
    if (!beside) return;
    this.picture.className = `hbi-thumb ${this.id}-t${frame}`;
    this.text.textContent = sentence;
    this.place();
  }

  place() {
    if (this.box.hidden || !this.beside) return;
    const at = this.beside.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.box;
    const left = Math.min(Math.max(8, at.left + at.width / 2 - width / 2), innerWidth - width - 8);
    const above = at.top - height - 8;
    const isAbove = above > 8 && (this.isColumn || at.bottom + height + 8 > innerHeight); // a column stays in view
    this.box.style.left = `${left}px`;
    this.box.style.top = `${isAbove ? above : at.bottom + 8}px`;
  }
}

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

const signed = (value) => (value > 0 ? "+" : "") + String(Number(value.toPrecision(3))).replace(/-/g, "−");

// A number with its standard error: `+0.0310 ± 0.0021`, the error with two digits; an exact one with three.
function told(value, error) {
  if (!error) return signed(value);
  const decimals = Math.max(0, 1 - Math.floor(Math.log10(Number(error.toPrecision(2)))));
  const isPlain = decimals <= 6 && Math.abs(value) < 1e9 && error < 1e9;
  if (!isPlain) return `${signed(value)} ± ${error.toPrecision(2)}`;
  const rounded = value.toFixed(decimals);
  const sign = value > 0 ? "+" : "";
  return `${Number(rounded) === 0 ? "0" : (sign + rounded).replace("-", "−")} ± ${error.toFixed(decimals)}`;
}

// Of a row of things only one is reached by Tab; arrows walk the others.
function walkable(elements) {
  elements.forEach((element, index) => (element.tabIndex = index === 0 ? 0 : -1));
}

function walkTo(from, to) {
  from.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

function beside(row, element, key, isRightToLeft) {
  if (key === "Home") return row[0];
  if (key === "End") return row[row.length - 1];
  const [down, right] = STEPS[key] ?? [0, 0];
  const step = down || (isRightToLeft ? -right : right);
  return step ? row[row.indexOf(element) + step] : null;
}
