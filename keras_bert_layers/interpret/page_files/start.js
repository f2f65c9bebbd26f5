// Reads the data that stand in the page, and lets the reader choose text, unit, view and theme.

const { texts } = JSON.parse(byId("data").textContent);
const state = {
  text: 0, attribution: 0, unit: "words", scores: false, view: "map", layer: null, column: null,
};

async function show() {
  const text = texts[state.text];
  hideTip();
  byId("choice").value = String(state.text);
  byId("previous").disabled = state.text === 0;
  byId("next").disabled = state.text === texts.length - 1;
  showExplanation(text, state);
  await showAttention(text, state);
}

function choose(number) {
  state.text = Math.max(0, Math.min(texts.length - 1, number));
  return show();
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  const button = byId("theme");
  button.textContent = name === "dark" ? "Light" : "Dark";
  button.setAttribute("aria-label", `Change to the ${button.textContent.toLowerCase()} theme`);
  showExplanation(texts[state.text], state);
  if (shown) {
    paintOverview(shown.maps);
    redrawChosen();
  }
}

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
let chosenTheme = null;
const currentTheme = () => chosenTheme ?? (prefersDark.matches ? "dark" : "light");
byId("theme").addEventListener("click", () => {
  chosenTheme = currentTheme() === "dark" ? "light" : "dark";
  setTheme(chosenTheme);
});
prefersDark.addEventListener("change", () => setTheme(currentTheme()));
addEventListener("beforeprint", () => setTheme("light"));
addEventListener("afterprint", () => setTheme(currentTheme()));

byId("texts").hidden = texts.length < 2;
byId("choice").replaceChildren(
  ...texts.map((text, number) => make("option", { value: number, dir: "auto" }, `${number + 1}. ${text.name}`)),
);
byId("choice").addEventListener("change", (event) => choose(Number(event.target.value)));
byId("previous").addEventListener("click", () => choose(state.text - 1));
byId("next").addEventListener("click", () => choose(state.text + 1));
byId("attribution").addEventListener("change", (event) => {
  state.attribution = Number(event.target.value);
  showExplanation(texts[state.text], state);
});
makeSwitch(byId("unit"), { words: "Words", pieces: "Pieces" }, state.unit, (unit) => {
  state.unit = unit;
  showExplanation(texts[state.text], state);
});
makeSwitch(byId("scores"), { no: "Colours", yes: "Scores" }, "no", (value) => {
  state.scores = value === "yes";
  showExplanation(texts[state.text], state);
});
makeSwitch(byId("view"), { map: "Map", lines: "Lines" }, state.view, (view) => {
  state.view = view;
  if (shown) redrawCurrent();
});
listenToLarge();
setTheme(currentTheme());
await show();
document.documentElement.dataset.ready = "true";
