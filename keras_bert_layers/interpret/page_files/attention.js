// The lower half: the overview, the chosen map, and the token whose reading is followed through both.

let shown = null; // what is on the page now: the text, its maps, and what the parts need to draw themselves again

async function showAttention(text, state) {
  const section = byId("attention");
  section.hidden = !text.attention;
  shown = null;
  if (!text.attention) return;
  text.maps ??= await unpackMaps(text.attention, text.tokens.length);
  if (texts[state.text] !== text) return; // another one was chosen meanwhile
  const maps = text.maps;
  state.layer = Math.min(state.layer ?? maps.layers - 1, maps.layers - 1);
  state.column = Math.min(state.column ?? text.attention.heads, maps.columns.length - 1);
  if (!maps.get(state.layer, state.column)) state.column = text.attention.heads;
  shown = { text, maps, state, pinned: firstRow(text), current: null, at: null };
  shown.current = { row: shown.pinned, column: null };
  const legend = make("canvas", { width: 352, height: 20, "aria-hidden": "true" });
  shown.legend = legend;
  shown.tokens = layTokens(byId("strip"), text, unitsOf(text, "pieces"), {
    kind: "pieces",
    label: "Tokens; the current one reads from those that are coloured",
    describe: (unit) => unit.label,
    onCurrent: (unit, _, pin) => follow({ row: unit.place, column: null }, pin),
    onLeave: () => follow({ row: shown.pinned, column: null }, false),
  });
  showOverview(maps, state, (layer, column) => {
    [state.layer, state.column] = [layer, column];
    redrawChosen();
  });
  redrawChosen();
}

/** The word that speaks most, or else the first token that is not special. */
function firstRow(text) {
  const scores = text.attributions[0]?.word_scores ?? [];
  const word = scores.reduce((best, score, each) => (Math.abs(score) > Math.abs(scores[best]) ? each : best), 0);
  return Math.max(0, text.word_ids.indexOf(word));
}

function follow(current, pin) {
  if (!shown) return;
  if (pin) shown.pinned = current.row;
  if (current.row === shown.current.row && current.column === shown.current.column) return;
  shown.current = current;
  redrawCurrent();
}

function redrawChosen() {
  const { text, maps, state } = shown;
  byId("chosen").textContent = nameOf(state.layer, maps.columns[state.column]);
  const { shares, entropy } = habitsOf(maps.get(state.layer, state.column), text);
  byId("habits").replaceChildren(
    ...shares.flatMap(([name, share]) => [make("dt", {}, `Weight on ${name}`), make("dd", {}, share.toFixed(2))]),
    make("dt", {}, "Entropy"),
    make("dd", {}, `${entropy.toFixed(2)} of ${Math.log(maps.size).toFixed(2)} nats`),
  );
  const most = scaleOf(maps.get(state.layer, state.column), maps.size);
  byId("scale").replaceChildren("weight 0", shown.legend, `${most.toFixed(2)}, as its square root`);
  drawWeightLegend(shown.legend);
  redrawCurrent();
}

function redrawCurrent() {
  const { text, maps, state, current, tokens } = shown;
  shown.at = drawLarge(maps, text, state, current);
  const map = maps.get(state.layer, state.column);
  const row = current.row === null ? null : map.subarray(current.row * maps.size, (current.row + 1) * maps.size);
  const most = scaleOf(map, maps.size);
  tokens.forEach((element, place) => {
    element.style.backgroundColor = row ? weightTint(weightOf(row[place]) / most) : "";
    element.setAttribute("aria-selected", String(place === current.row));
  });
  const sentence = readingOf(text, row, current);
  byId("readout").replaceChildren(...sentence);
  const picture = state.view === "lines" ? "Lines" : "Heat map";
  const spoken = sentence.map((part) => part.textContent ?? part).join(" ");
  byId("large").setAttribute("aria-label", `${picture}. ${byId("chosen").textContent}. ${spoken}`);
}

function readingOf(text, row, current) {
  if (!row) return ["Point at a token to see what it reads from."];
  const from = make("b", {}, make("span", { dir: "auto" }, text.tokens[current.row]));
  const places = current.column === null ? strongest(row, 5) : [current.column];
  const parts = places.map((place) =>
    make("bdi", {}, make("b", { dir: "auto" }, text.tokens[place]), ` ${weightOf(row[place]).toFixed(2)}`),
  );
  return [from, " reads from", ...parts.flatMap((part) => [" ", part])];
}

function strongest(row, count) {
  return Array.from(row.keys()).sort((a, b) => row[b] - row[a]).slice(0, count).filter((place) => row[place] > 12);
}

function listenToLarge() {
  const canvas = byId("large");
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    return shown?.at?.(event.clientX - box.left, event.clientY - box.top);
  };
  canvas.addEventListener("pointermove", (event) => {
    const found = under(event);
    if (found) follow(found, false);
  });
  canvas.addEventListener("pointerleave", () => shown && follow({ row: shown.pinned, column: null }, false));
  canvas.addEventListener("click", (event) => {
    const found = under(event);
    if (!found) return;
    // A second click on the token that is held lets go of it: all lines are seen.
    if (shown.pinned === found.row) shown.pinned = null;
    else follow(found, true);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !shown) return;
    hideTip();
    shown.pinned = null;
    follow({ row: null, column: null }, false);
  });
  new ResizeObserver(() => shown && redrawCurrent()).observe(byId("stage"));
}
