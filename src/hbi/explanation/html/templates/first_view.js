// The first view: a word, a picture or a bar is pointed at, and said; a click plays it; arrow keys walk the lines.
class FirstView {
  constructor(section, data, playing) {
    Object.assign(this, { section, playing, lines: data.lines, spans: data.spans });
    this.root = section.querySelector(".hbi-first");
    this.sentence = [...this.root.querySelectorAll(".hbi-sentence .hbi-pick")];
    this.isRightToLeft = this.root.querySelector(".hbi-sentence").dir === "rtl";
    this.shots = [...this.root.querySelectorAll(".hbi-shot")];
    this.fits = [...this.root.querySelectorAll(".hbi-fits")];
    this.says = this.root.querySelector(".hbi-says");
    this.hint = this.says.textContent;
    this.tip = new Tip(section);
    this.chosen = null; // what was clicked stays said
    this.at = this.lines[this.fits[0].dataset.line].best; // the frame that arrow keys have come to
    walkable(this.sentence);
    walkable(this.shots);
    this.heads = [...this.root.querySelectorAll(".hbi-head .hbi-pick")];
    walkable(this.heads);
    this.fits.forEach((line) => this.makeSlider(line));
    walkable(this.fits);
    const on = (type, act) => this.root.addEventListener(type, act);
    on("pointerover", (event) => event.pointerType !== "touch" && this.point(this.target(event.target), event.target));
    on("pointerleave", () => this.point(null));
    on("focusin", (event) => {
      if (event.target.matches(":focus-visible")) this.point(this.target(event.target));
      if (event.target.matches(".hbi-fits")) this.walkTo(event.target, this.at);
    });
    on("focusout", () => this.point(null));
    on("click", (event) => this.click(event.target));
    on("keydown", (event) => this.key(event));
  }

  // A line is one thing to Tab and to a screen reader: its name says the seconds that match, its value where one is.
  makeSlider(line) {
    const settings = { role: "slider", "aria-valuemin": 0, "aria-valuemax": this.spans.length - 1 };
    Object.entries(settings).forEach(([name, setting]) => line.setAttribute(name, setting));
    this.setValue(line, this.lines[line.dataset.line].best);
  }

  setValue(line, frame) {
    line.setAttribute("aria-valuenow", frame);
    line.setAttribute("aria-valuetext", this.saidOf({ line: Number(line.dataset.line), frame }));
  }

  target(element) {
    const shot = element.closest(".hbi-shot, .hbi-best"), line = element.closest("[data-line]");
    if (shot) return { frame: Number(shot.dataset.frame), last: Number(shot.dataset.last), span: shot.dataset.span };
    if (!line) return null;
    const cell = line.matches(".hbi-fits") ? [...line.children].indexOf(element) : -1;
    return { line: Number(line.dataset.line), frame: cell < 0 ? undefined : cell };
  }

  // Says what is pointed at, or else what was chosen; lights its words, and shows the frame's picture beside `element`.
  point(target, element) {
    const shown = target ?? this.chosen;
    const rows = !shown ? [] : shown.line === undefined ? this.rowsAt(shown) : [shown.line];
    this.root.querySelectorAll(".hbi-pick").forEach((pick) => pick.classList.toggle("hbi-lit", rows.includes(Number(pick.dataset.line))));
    this.says.textContent = shown ? this.saidOf(shown) : this.hint;
    const beside = element?.closest(".hbi-fits > i, .hbi-shot");
    this.tip.show(beside ?? null, target?.frame, this.says.textContent, Boolean(beside?.matches(".hbi-shot")));
  }

  // The lines that match at a frame, or at one of those that a picture stands for; not those of words that were not found.
  rowsAt({ frame, last = frame }) {
    return this.lines.flatMap(({ states, isShown, isSure }, row) => (isShown && isSure && states.slice(frame, last + 1).includes("y") ? [row] : []));
  }

  saidOf({ line, frame, last, span = this.spans[frame] }) {
    if (frame === undefined) return this.lines[line].sentence;
    if (line === undefined) {
      const phrases = this.rowsAt({ frame, last }).map((row) => this.lines[row].phrase);
      const listed = phrases.length > 1 ? `${phrases.slice(0, -1).join(", ")} and ${phrases.at(-1)}` : phrases[0];
      return `${span}: ${listed ? `${listed} match${phrases.length > 1 ? "" : "es"} here.` : `no word matches here${this.lines.every((each) => each.isSure) ? "" : " for certain"}.`}`;
    }
    const { phrase, states, isSure } = this.lines[line];
    const meaning = { y: isSure ? "matches here" : "among its closest seconds, though not found for certain", n: "does not match", u: "not certain" }[states[frame]];
    return `${phrase} at ${span}: ${meaning}.`;
  }

  click(element) {
    const target = this.target(element);
    if (!target) return;
    this.chosen = target;
    const isMoment = Boolean(element.closest(".hbi-best")); // a single frame plays on
    this.playing.play(target.frame ?? this.lines[target.line].best, isMoment ? target.last : undefined);
    this.playing.bring();
    const line = element.closest(".hbi-fits");
    if (line) this.walkTo(line, target.frame ?? this.at);
    this.point(target);
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const here = event.target;
    if (event.key === "Escape") {
      this.chosen = null;
      this.playing.play(undefined);
      return this.point(null);
    }
    if ((event.key === "Enter" || event.key === " ") && here.matches("[role=button], .hbi-fits")) {
      event.preventDefault();
      return this.click(here.matches(".hbi-fits") ? here.children[this.at] : here);
    }
    if (here.matches(".hbi-fits")) return this.keyOnLine(event, here);
    const seen = this.heads.filter((head) => head.offsetParent); // those that are folded are passed over
    const row = [this.sentence, this.shots, seen].find((some) => some.includes(here)) ?? [];
    const next = beside(row, here, event.key, row === this.sentence && this.isRightToLeft);
    if (!next) return;
    event.preventDefault();
    walkTo(here, next);
  }

  keyOnLine(event, line) {
    const [down, right] = STEPS[event.key] ?? [0, 0];
    const last = this.spans.length - 1;
    const frame = event.key === "Home" ? 0 : event.key === "End" ? last : Math.min(last, Math.max(0, this.at + right));
    const seen = this.fits.filter((other) => other.offsetParent); // those that are folded are passed over
    const next = down ? seen[seen.indexOf(line) + down] : line;
    if (!(event.key in STEPS) && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    if (!next) return;
    this.at = frame;
    if (next === line) this.walkTo(line, frame);
    else walkTo(line, next);
  }

  walkTo(line, frame) {
    this.at = frame;
    this.root.querySelectorAll(".hbi-fits .at").forEach((cell) => cell.classList.remove("at"));
    line.children[frame].classList.add("at");
    this.setValue(line, frame);
    this.point({ line: Number(line.dataset.line), frame });
  }
}
