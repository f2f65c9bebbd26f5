// The upper half: the text coloured by scores, the prediction, the strongest words.

function showExplanation(text, state) {
  const section = byId("explanation");
  section.hidden = text.attributions.length === 0;
  if (section.hidden) return;
  const found = text.attributions[Math.min(state.attribution, text.attributions.length - 1)];
  const choice = byId("attribution");
  choice.hidden = text.attributions.length < 2;
  choice.replaceChildren(
    ...text.attributions.map((each, number) => make("option", { value: number }, `${each.method}: ${each.target}`)),
  );
  choice.value = String(text.attributions.indexOf(found));
  byId("claim").replaceChildren("What speaks for ", make("bdi", {}, found.target));
  showScores(text, found, state);
  showPrediction(found);
  showStrongest(text, found);
  showDetails(found);
}

function showScores(text, found, state) {
  const units = unitsOf(text, state.unit, found.scores, found.word_scores);
  const most = Math.max(1e-12, ...units.map((unit) => Math.abs(unit.score)));
  const total = units.reduce((sum, unit) => sum + Math.abs(unit.score), 0) || 1;
  const reading = byId("reading");
  const elements = layTokens(reading, text, units, {
    kind: state.unit,
    label: "Words with their scores",
    describe: (unit) => `${unit.label}: ${signed(unit.score)}`,
    onCurrent: (unit, element) =>
      showTip(element, `${signed(unit.score)} · ${percent(Math.abs(unit.score) / total)} of all that speaks`),
    onLeave: hideTip,
  });
  reading.classList.toggle("with-scores", state.scores);
  elements.forEach((element, number) => {
    element.style.backgroundColor = scoreColour(units[number].score / most);
    element.dataset.score = signed(units[number].score, 2);
  });
  const canvas = make("canvas", { width: 352, height: 20, "aria-hidden": "true" });
  byId("legend").replaceChildren(`against ${signed(-most, 2)}`, canvas, `${signed(most, 2)} for`);
  drawScoreLegend(canvas);
}

function showPrediction(found) {
  byId("prediction").parentElement.hidden = found.probabilities.length === 0;
  byId("prediction").replaceChildren(
    ...found.probabilities.flatMap(([name, probability], number) =>
      barRow(name, probability, percent(probability), { best: number === 0 }),
    ),
  );
}

function showStrongest(text, found) {
  const order = found.word_scores.map((score, word) => [Math.abs(score), word]).sort((a, b) => b[0] - a[0]);
  const most = order[0]?.[0] || 1;
  byId("strongest").replaceChildren(
    ...order.slice(0, 8).flatMap(([, word]) => {
      const score = found.word_scores[word];
      const color = `rgb(var(--${score < 0 ? "negative" : "positive"}))`;
      return barRow(text.words[word], score / most, signed(score), { middle: true, color });
    }),
  );
}

function showDetails(found) {
  const rows = [["Method", found.method], ["Explained", found.target], ["Logit", plain(found.logit)]];
  if (found.baseline_logit !== null) {
    const change = found.logit - found.baseline_logit;
    const share = Math.abs(change) > 1e-9 ? ` (${percent(Math.abs(found.delta / change))})` : "";
    rows.push(["Without words", plain(found.baseline_logit)], ["Sum of scores", signed(change + found.delta)]);
    rows.push(["Missed of the change", Math.abs(found.delta).toExponential(1).replace("-", "−") + share]);
  }
  byId("details").replaceChildren(...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}
