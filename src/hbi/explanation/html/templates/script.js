// Wakes every explanation of a page: pointing lights the other side, tabs choose the level, arrows walk.
"use strict";
(() => {
  const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const CELLS = "td[data-frame], .hbi-cell";
  const PARTS = `.hbi-frame, .hbi-bracket, .hbi-side, .hbi-name, ${CELLS}`;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)");

  class View {
    constructor(section) {
      this.section = section;
      this.data = JSON.parse(section.querySelector(".hbi-data").textContent);
      this.words = [...section.querySelectorAll(".hbi-word")];
      this.tabs = [...section.querySelectorAll(".hbi-tab")];
      this.panels = [...section.querySelectorAll(".hbi-level")];
      this.readout = section.querySelector(".hbi-readout");
      this.hint = `${this.readout.textContent} ${this.readout.dataset.hint}`;
      this.isRightToLeft = section.querySelector(".hbi-caption").dir === "rtl";
      this.hovered = this.focused = this.pinned = null;
      this.players = [...section.querySelectorAll(".hbi-player")];
      this.tip = section.querySelector(".hbi-tip");
      [this.tipThumb, this.tipText] = this.tip.children;
      section.querySelector(".hbi-tabs").hidden = false;
      section.classList.add("hbi-ready");
      this.panels.forEach((panel) => {
        walkable([...panel.querySelectorAll(".hbi-frame")]);
        panel.querySelector(CELLS).tabIndex = 0;
      });
      walkable(this.words);
      this.listen();
      this.choose(0);
    }

    listen() {
      const on = (type, act) => this.section.addEventListener(type, act);
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
      this.players.forEach((player) => {
        player.addEventListener("error", () => player.remove()); // a browser without this format has the pictures
        player.addEventListener("timeupdate", () => this.mark(player));
      });
      document.addEventListener("scroll", () => this.placeTip(), { capture: true, passive: true });
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
      this.play(isKept ? this.frameOf(target) : undefined);
    }

    // The frame to play: the one that was pointed at, or the best of a word.
    frameOf({ word, frame }) {
      if (frame !== undefined) return frame;
      const row = this.level.interactions[this.level.word_groups[word]];
      const found = this.level.frames_of_word[this.level.word_groups[word]];
      const best = found.reduce((one, other) => (one === undefined || row[other] > row[one] ? other : one), undefined);
      return best === undefined ? undefined : this.level.frame_groups.indexOf(best);
    }

    play(frame) {
      const [number, start] = this.data.seconds[frame] ?? [];
      for (const player of this.players) {
        if (Number(player.dataset.player) !== number) player.pause();
        else {
          player.currentTime = start;
          if (!isStill.matches) player.play().catch(() => {}); // a browser may want to be asked by the player's own button
        }
      }
    }

    mark(player) {
      const number = Number(player.dataset.player);
      const now = this.data.seconds.findIndex(
        ([of, start, end]) => of === number && start <= player.currentTime && player.currentTime < end
      );
      this.section.querySelectorAll(".hbi-frame").forEach((frame) => {
        frame.classList.toggle("now", Number(frame.dataset.frame) === now);
      });
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
      here.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
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
      const { word, frame } = place(cell);
      const toWord = down > 0 ? word + (cell.rowSpan ?? 1) : word + down;
      const toFrame = right > 0 ? frame + (cell.colSpan ?? 1) : frame + right;
      return [...this.panel.querySelectorAll(CELLS)].find((other) => {
        const at = place(other);
        const { rowSpan = 1, colSpan = 1 } = other;
        return at.word <= toWord && toWord < at.word + rowSpan && at.frame <= toFrame && toFrame < at.frame + colSpan;
      });
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
      const element = target?.element;
      this.tip.hidden = !element || frame === null;
      if (this.tip.hidden) return;
      this.tipThumb.className = `hbi-thumb ${this.section.id}-t${target.frame}`;
      this.tipText.textContent = this.sentence(word, frame);
      this.placeTip();
    }

    placeTip() {
      const target = this.hovered ?? this.focused;
      if (this.tip.hidden || !target) return;
      const box = target.element.getBoundingClientRect();
      const { offsetWidth: width, offsetHeight: height } = this.tip;
      const left = Math.min(Math.max(8, box.left + box.width / 2 - width / 2), innerWidth - width - 8);
      const above = box.top - height - 8;
      const isAbove = above > 8 && (target.word === undefined || box.bottom + height + 8 > innerHeight); // a column stays in view
      this.tip.style.left = `${left}px`;
      this.tip.style.top = `${isAbove ? above : box.bottom + 8}px`;
    }
  }

  const number = (text) => (text === undefined ? undefined : Number(text));
  const place = (element) => ({ word: number(element.dataset.word), frame: number(element.dataset.frame) });
  const same = (one, other) => one === other || (one?.word === other?.word && one?.frame === other?.frame && !one === !other);
  const signed = (value) => (value > 0 ? "+" : "") + String(value).replace(/-/g, "−");

  // A number with its standard error: `+0.0310 ± 0.0021`, the error with two digits.
  function told(value, error) {
    if (!error) return signed(value);
    const decimals = Math.max(0, 1 - Math.floor(Math.log10(Number(error.toPrecision(2)))));
    const isPlain = decimals <= 6 && Math.abs(value) < 1e9 && error < 1e9;
    if (!isPlain) return `${signed(value)} ± ${error.toPrecision(2)}`;
    const rounded = value.toFixed(decimals);
    return `${Number(rounded) === 0 ? "0" : signed(rounded)} ± ${error.toFixed(decimals)}`;
  }

  function pointed(element) {
    const part = element.closest("[data-word], [data-frame]");
    return part && { ...place(part), element: part };
  }

  function walkable(elements) {
    elements.forEach((element, index) => (element.tabIndex = index === 0 ? 0 : -1));
  }

  function beside(row, element, key, isRightToLeft) {
    if (key === "Home") return row[0];
    if (key === "End") return row[row.length - 1];
    const [down, right] = STEPS[key] ?? [0, 0];
    const step = down || (isRightToLeft ? -right : right);
    return step ? row[row.indexOf(element) + step] : null;
  }

  document.querySelectorAll(".hbi-explanation:not(.hbi-ready)").forEach((section) => new View(section));
})();
