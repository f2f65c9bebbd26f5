// Colours of pictures: one hue for weights, two for what speaks for and against. Readable without telling hues apart by
// red and green, and in both themes.

const THEMES = {
  light: {
    ramp: [[255, 255, 255], [214, 228, 243], [128, 175, 221], [47, 109, 181], [13, 43, 94]],
    ink: "#22242a", soft: "#666a73", line: "#dfddd8", mark: "#d9661f",
  },
  dark: {
    ramp: [[28, 31, 38], [30, 58, 95], [43, 103, 163], [112, 174, 228], [228, 243, 255]],
    ink: "#e4e4e1", soft: "#9a9fa9", line: "#32363f", mark: "#f0a35e",
  },
};

const theme = () => THEMES[document.documentElement.dataset.theme];

/** The colours of all 256 weights of the current theme, as the words of an ImageData. */
function weightColours() {
  const { ramp } = theme();
  const colours = new Uint32Array(256);
  for (let value = 0; value < 256; value += 1) {
    const [red, green, blue] = between(ramp, value / 255);
    colours[value] = (255 << 24) | (blue << 16) | (green << 8) | red;
  }
  return colours;
}

function between(ramp, share) {
  const place = Math.min(share * (ramp.length - 1), ramp.length - 1 - 1e-9);
  const lower = Math.floor(place);
  return ramp[lower].map((from, channel) => Math.round(from + (ramp[lower + 1][channel] - from) * (place - lower)));
}

function scoreColour(share) {
  const opacity = Math.min(1, Math.abs(share)) ** 0.85;
  return `rgba(var(--${share < 0 ? "negative" : "positive"}), ${opacity.toFixed(3)})`;
}

function weightTint(weight) {
  return `rgba(var(--positive), ${Math.min(1, Math.sqrt(weight)).toFixed(3)})`;
}

function drawScoreLegend(canvas) {
  const style = getComputedStyle(document.documentElement);
  const gradient = canvas.getContext("2d").createLinearGradient(0, 0, canvas.width, 0);
  for (let place = 0; place <= 20; place += 1) {
    const share = place / 10 - 1;
    const colour = style.getPropertyValue(share < 0 ? "--negative" : "--positive");
    gradient.addColorStop(place / 20, `rgba(${colour}, ${Math.abs(share) ** 0.85})`);
  }
  fill(canvas, gradient);
}

function drawWeightLegend(canvas) {
  const { ramp } = theme();
  const gradient = canvas.getContext("2d").createLinearGradient(0, 0, canvas.width, 0);
  ramp.forEach((colour, place) => gradient.addColorStop(place / (ramp.length - 1), `rgb(${colour})`));
  fill(canvas, gradient);
}

function fill(canvas, gradient) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = gradient;
  context.fillRect(0, 0, canvas.width, canvas.height);
}
