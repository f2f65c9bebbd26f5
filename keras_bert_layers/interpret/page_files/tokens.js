// A text as a row of tokens or words, of which one is current: under the pointer, or by the arrow keys.

/** What is shown one by one: words with the space between them, or every token as the vocabulary writes it. */
function unitsOf(text, kind, scores, wordScores) {
  if (kind === "pieces") {
    return text.tokens.map((label, place) => ({
      label, place, score: scores?.[place] ?? 0, segment: text.segments[place], special: text.word_ids[place] === null,
    }));
  }
  return text.words.map((label, word) => ({
    label, word, score: wordScores?.[word] ?? 0, before: text.gaps[word], segment: text.word_segments[word],
  }));
}

/** Fills `place` with the units, a paragraph for each text of a pair; returns their elements. */
function layTokens(place, text, units, { kind, label, describe, onCurrent, onLeave = () => {} }) {
  const elements = [];
  const paragraphs = [];
  for (const segment of [...new Set(units.map((unit) => unit.segment))]) {
    const paragraph = make("div", { class: `tokens ${kind}`, role: "listbox", "aria-orientation": "horizontal" });
    paragraph.setAttribute("aria-label", paragraphs.length ? `${label}, second text` : label);
    paragraph.dir = text.rtl[segment] ? "rtl" : "ltr";
    for (const unit of units.filter((each) => each.segment === segment)) {
      const element = make("span", { class: unit.special ? "token special" : "token", role: "option" }, unit.label);
      element.setAttribute("aria-label", describe(unit));
      element.setAttribute("aria-selected", "false");
      element.addEventListener("pointerenter", () => onCurrent(unit, element, false));
      element.addEventListener("pointerleave", onLeave);
      element.addEventListener("focus", () => onCurrent(unit, element, true));
      element.addEventListener("blur", onLeave);
      element.addEventListener("click", () => {
        moveTabStop(elements, element);
        onCurrent(unit, element, true);
      });
      if (unit.before) paragraph.append(unit.before);
      paragraph.append(element);
      elements.push(element);
    }
    paragraph.addEventListener("keydown", (event) => stepThrough(event, elements, paragraph.dir === "rtl"));
    paragraphs.push(paragraph);
  }
  moveTabStop(elements, elements[0]);
  place.replaceChildren(...paragraphs);
  return elements;
}

function stepThrough(event, elements, rightToLeft) {
  const at = elements.indexOf(document.activeElement);
  const forward = rightToLeft ? -1 : 1;
  const steps = { ArrowRight: at + forward, ArrowLeft: at - forward, ArrowDown: at + 1, ArrowUp: at - 1,
    Home: 0, End: elements.length - 1 };
  if (at < 0 || !(event.key in steps)) return;
  event.preventDefault();
  const next = elements[Math.max(0, Math.min(elements.length - 1, steps[event.key]))];
  moveTabStop(elements, next);
  next.focus();
}
