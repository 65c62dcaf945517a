// The tables of interactions: pointing lights the other side, tabs choose the level, arrows walk the cells.
const CELLS = "td[data-frame], .hbi-cell";
const PARTS = `.hbi-frame, .hbi-bracket, .hbi-side, .hbi-name, ${CELLS}`;

class Interactions {
  constructor(section, data, playing) {
    Object.assign(this, { section, data, playing });
    this.root = section.querySelector(".hbi-experts") ?? section;
    this.words = [...this.root.querySelectorAll(".hbi-word")];
    this.tabs = [...section.querySelectorAll(".hbi-tab")];
    this.panels = [...section.querySelectorAll(".hbi-level")];
    this.readout = section.querySelector(".hbi-readout");
    this.hint = `${this.readout.textContent} ${this.readout.dataset.hint}`;
    this.isRightToLeft = section.querySelector(".hbi-caption").dir === "rtl";
    this.hovered = this.focused = this.pinned = null;
    this.tip = new Tip(section);
    section.querySelector(".hbi-tabs").hidden = false;
    this.panels.forEach((panel) => {
      walkable([...panel.querySelectorAll(".hbi-frame")]);
      panel.querySelector(CELLS).tabIndex = 0;
    });
    walkable(this.words);
    this.listen();
    this.choose(0);
    const measure = () => section.querySelectorAll(".hbi-scroll").forEach((part) => part.classList.toggle("hbi-wide", part.scrollWidth > part.clientWidth + 1));
    measure();
    new ResizeObserver(measure).observe(this.root);
    this.root.addEventListener("click", measure); // another tab
  }

  listen() {
    const on = (type, act) => this.root.addEventListener(type, act);
    on("pointerover", (event) => this.set("hovered", pointed(event.target)));
    on("pointerleave", () => this.set("hovered", null));
    on("focusin", (event) => {
      if (!event.target.matches(":focus-visible")) return;
      this.hovered = null; // whoever walks by keyboard has left the mouse alone
      this.set("focused", pointed(event.target));
    });
    on("focusout", () => this.set("focused", null));
    on("click", (event) => this.click(event));
    on("keydown", (event) => this.key(event));
  }

  set(how, target) {
    if (same(this[how], target)) return;
    this[how] = target;
    this.paint();
  }

  click(event) {
    const tab = event.target.closest(".hbi-tab");
    if (tab) return this.choose(this.tabs.indexOf(tab));
    const target = pointed(event.target);
    if (!target) return;
    const isKept = !same(this.pinned, target);
    this.set("pinned", isKept ? target : null);
    this.playing.play(isKept ? this.frameOf(target) : undefined);
  }

  // The frame to play: the one that was pointed at, or the best of a word.
  frameOf({ word, frame }) {
    if (frame !== undefined) return frame;
    const row = this.level.interactions[this.level.word_groups[word]];
    const found = this.level.frames_of_word[this.level.word_groups[word]];
    const best = found.reduce((one, other) => (one === undefined || row[other] > row[one] ? other : one), undefined);
    return best === undefined ? undefined : this.level.frame_groups.indexOf(best);
  }

  choose(level) {
    this.level = this.data.levels[level];
    this.panel = this.panels[level];
    this.tabs.forEach((tab, index) => {
      tab.setAttribute("aria-selected", String(index === level));
      tab.tabIndex = index === level ? 0 : -1;
    });
    this.panels.forEach((panel, index) => (panel.hidden = index !== level));
    this.parts = [...this.words, ...this.panel.querySelectorAll(PARTS)].map((element) => ({ element, ...place(element) }));
    this.paint();
  }

  key(event) {
    if (event.key === "Escape") {
      this.hovered = this.focused = this.pinned = null;
      return this.paint();
    }
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const here = event.target;
    const next = here.matches(CELLS)
      ? this.cellBeside(here, event.key)
      : beside(this.rowOf(here), here, event.key, here.matches(".hbi-word") && this.isRightToLeft);
    if (here.matches(`${CELLS}, .hbi-word`) && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      return here.click();
    }
    if (!next) return;
    event.preventDefault();
    if (here.matches(".hbi-tab")) this.choose(this.tabs.indexOf(next));
    walkTo(here, next);
  }

  rowOf(element) {
    if (element.matches(".hbi-word")) return this.words;
    if (element.matches(".hbi-tab")) return this.tabs;
    if (element.matches(".hbi-frame")) return [...this.panel.querySelectorAll(".hbi-frame")];
    return [];
  }

  cellBeside(cell, key) {
    const [down, right] = STEPS[key] ?? [0, 0];
    if (!down && !right) return null;
    if (cell.matches(".hbi-cell")) return this.cellOfLine(cell, down, right);
    const { word, frame } = place(cell);
    const toWord = down > 0 ? word + (cell.rowSpan ?? 1) : word + down;
    const toFrame = right > 0 ? frame + (cell.colSpan ?? 1) : frame + right;
    return [...this.panel.querySelectorAll(CELLS)].find((other) => {
      const at = place(other);
      const { rowSpan = 1, colSpan = 1 } = other;
      return at.word <= toWord && toWord < at.word + rowSpan && at.frame <= toFrame && toFrame < at.frame + colSpan;
    });
  }

  // A line may stand for several words, so that rows are counted and not words.
  cellOfLine(cell, down, right) {
    const lines = [...this.panel.querySelectorAll("tbody .hbi-line:has(.hbi-cell)")];
    return lines[lines.indexOf(cell.parentElement) + down]?.children[Number(cell.dataset.frame) + right];
  }

  paint() {
    const target = this.hovered ?? this.focused ?? this.pinned;
    this.section.classList.toggle("hbi-pointing", target !== null);
    const level = this.level;
    const word = target?.word === undefined ? null : level.word_groups[target.word];
    const frame = target?.frame === undefined ? null : level.frame_groups[target.frame];
    const words = word === null ? (frame === null ? [] : level.words_of_frame[frame]) : [word];
    const frames = frame === null ? (word === null ? [] : level.frames_of_word[word]) : [frame];
    for (const part of this.parts) this.paintPart(part, { word, frame, words, frames, target });
    this.readout.textContent = target ? this.sentence(word, frame) : this.hint;
    this.showTip(word, frame);
  }

  paintPart({ element, word, frame }, at) {
    const list = element.classList;
    const wordGroup = word === undefined ? null : this.level.word_groups[word];
    const frameGroup = frame === undefined ? null : this.level.frame_groups[frame];
    const hasWord = at.words.includes(wordGroup);
    const hasFrame = at.frames.includes(frameGroup);
    if (element.matches(CELLS)) {
      list.toggle("lit", at.target !== null && (at.word === null || wordGroup === at.word) && (at.frame === null || frameGroup === at.frame));
      list.toggle("match", hasWord && hasFrame);
      return;
    }
    list.toggle("lit", wordGroup === null ? hasFrame : hasWord);
    list.toggle("at", wordGroup !== null && wordGroup === at.word);
    if (element.matches(".hbi-word, .hbi-frame")) {
      element.setAttribute("aria-pressed", String(same(this.pinned, { word, frame })));
    }
  }

  sentence(word, frame) {
    const level = this.level;
    if (frame === null) return level.word_sentences[word];
    if (word === null) return level.frame_sentences[frame];
    const value = level.interactions[word][frame];
    const error = level.errors?.[word][frame] ?? 0;
    const isUnsure = error > 0 && Math.abs(value) <= 2 * error;
    const meaning = this.data.meanings[isUnsure ? 3 : Math.sign(value) + 1];
    return `${level.phrases[word]} with ${level.spans[frame]}: ${told(value, error)} ${this.data.unit}. ${meaning}`;
  }

  showTip(word, frame) {
    const target = this.hovered ?? this.focused;
    const isShown = target?.element && frame !== null;
    this.tip.show(isShown ? target.element : null, target?.frame, isShown ? this.sentence(word, frame) : "", target?.word === undefined);
  }
}

const number = (text) => (text === undefined ? undefined : Number(text));
const place = (element) => ({ word: number(element.dataset.word), frame: number(element.dataset.frame) });
const same = (one, other) => one === other || (one?.word === other?.word && one?.frame === other?.frame && !one === !other);

function pointed(element) {
  const part = element.closest("[data-word], [data-frame]");
  return part && { ...place(part), element: part };
}
