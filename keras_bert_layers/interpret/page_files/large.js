// The chosen map, large: as squares, or as lines from the tokens that read to those they read from.

const GUTTER = 108;
const MOST_CELL = 34;

/** Draws into #large and returns where the tokens are: `at(x, y)` gives the row and the column under a point. */
function drawLarge(maps, text, state, current) {
  const canvas = byId("large");
  const map = maps.get(state.layer, state.column);
  return (state.view === "lines" ? drawLines : drawSquares)(canvas, map, maps.size, text, current);
}

function prepared(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.textBaseline = "middle";
  return context;
}

function fontOf(pixels, weight = "") {
  return `${weight} ${pixels}px ${getComputedStyle(document.body).fontFamily}`.trim();
}

function clipped(context, label, width) {
  if (context.measureText(label).width <= width) return label;
  let end = label.length;
  while (end > 1 && context.measureText(`${label.slice(0, end)}…`).width > width) end -= 1;
  return `${label.slice(0, end)}…`;
}

function drawSquares(canvas, map, size, text, current) {
  const available = Math.max(200, byId("stage").clientWidth - 2);
  const cell = Math.max(4, Math.min(MOST_CELL, (available - GUTTER) / size));
  const font = Math.min(13, Math.max(8, cell * 0.82));
  const probe = prepared(canvas, 1, 1);
  probe.font = fontOf(font, "600"); // as wide as a label gets, when it is marked
  const widest = Math.max(...text.tokens.map((token) => probe.measureText(token).width));
  const gutter = Math.min(GUTTER, widest + 10);
  const upright = widest < cell;
  const top = upright ? font + 12 : gutter;
  const context = prepared(canvas, gutter + cell * size + 1, top + cell * size + 1);
  const { ink, soft, line, mark } = theme();

  context.imageSmoothingEnabled = false;
  const pixels = paint(document.createElement("canvas"), map, size, weightColours());
  context.drawImage(pixels, gutter, top, cell * size, cell * size);
  context.strokeStyle = line;
  context.strokeRect(gutter + 0.5, top + 0.5, cell * size, cell * size);

  const everyLabel = cell >= 9;
  context.font = fontOf(font);
  for (let place = 0; place < size; place += 1) {
    const isRow = place === current.row;
    const isColumn = place === current.column;
    if (everyLabel || isRow) {
      label(place, isRow, gutter - 6, top + (place + 0.5) * cell, 0, "right");
    }
    if (everyLabel || isColumn) {
      const x = gutter + (place + 0.5) * cell;
      const fits = upright || context.measureText(text.tokens[place]).width < cell;
      if (fits) label(place, isColumn, x, top - 4 - font / 2, 0, "center");
      else label(place, isColumn, x, top - 6, -Math.PI / 2, "left");
    }
  }
  function label(place, marked, x, y, angle, align) {
    context.save();
    context.translate(x, y);
    context.rotate(angle);
    context.textAlign = align;
    context.font = marked ? fontOf(everyLabel ? font : 12, "600") : fontOf(font);
    context.fillStyle = marked ? mark : text.word_ids[place] === null ? soft : ink;
    context.fillText(clipped(context, text.tokens[place], gutter - 10), 0, 0);
    context.restore();
  }
  context.strokeStyle = mark;
  context.lineWidth = 1.5;
  if (current.row !== null) context.strokeRect(gutter, top + current.row * cell, cell * size, cell);
  if (current.column !== null) context.strokeRect(gutter + current.column * cell, top, cell, cell * size);
  return (x, y) => {
    const row = Math.floor((y - top) / cell);
    const column = Math.floor((x - gutter) / cell);
    const inside = (place) => place >= 0 && place < size;
    return inside(row) && column < size ? { row, column: inside(column) ? column : null } : null;
  };
}

function drawLines(canvas, map, size, text, current) {
  const width = Math.min(byId("stage").clientWidth - 16, 620);
  const height = Math.max(15, Math.min(24, 560 / size));
  const context = prepared(canvas, width, height * size + 8);
  const { ink, soft, mark } = theme();
  const [left, right] = [width * 0.3, width * 0.7];
  const middle = (place) => 4 + (place + 0.5) * height;
  const [red, green, blue] = theme().ramp[3];
  const most = scaleOf(map, size);
  for (let row = 0; row < size; row += 1) {
    const faded = current.row !== null && row !== current.row;
    for (let column = 0; column < size; column += 1) {
      const share = weightOf(map[row * size + column]) / most;
      if (share < (faded ? 0.15 : 0.01)) continue;
      context.beginPath();
      context.moveTo(left + 6, middle(row));
      context.bezierCurveTo(width / 2, middle(row), width / 2, middle(column), right - 6, middle(column));
      context.strokeStyle = `rgba(${red}, ${green}, ${blue}, ${faded ? share * 0.12 : share ** 0.7})`;
      context.lineWidth = current.row === row ? 1 + 3 * share : 1.2;
      context.stroke();
    }
  }
  context.font = fontOf(Math.min(13, height * 0.8));
  for (let place = 0; place < size; place += 1) {
    const own = text.word_ids[place] === null ? soft : ink;
    const weight = current.row === null ? null : weightOf(map[current.row * size + place]);
    context.textAlign = "right";
    context.fillStyle = place === current.row ? mark : own;
    context.fillText(clipped(context, text.tokens[place], left - 4), left, middle(place));
    context.textAlign = "left";
    context.fillStyle = own;
    context.globalAlpha = weight === null ? 1 : Math.max(0.35, Math.min(1, 0.35 + Math.sqrt(weight)));
    const name = clipped(context, text.tokens[place], width - right - 44);
    context.fillText(name, right, middle(place));
    if (weight !== null && weight >= 0.005) {
      context.textAlign = "right";
      context.fillText(weight.toFixed(2), width, middle(place));
    }
    context.globalAlpha = 1;
  }
  return (x, y) => {
    const row = Math.floor((y - 4) / height);
    return row >= 0 && row < size ? { row, column: null } : null;
  };
}
