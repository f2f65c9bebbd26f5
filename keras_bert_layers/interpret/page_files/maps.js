// Attention as it travels: the square root of each weight in 8 bits, all maps of a text in one compressed block.

/** The maps of a text: `get(layer, column)` gives S · S bytes; columns are the heads, their mean, and what else came. */
async function unpackMaps(attention, size) {
  const heads = await inflate(attention.data);
  const columns = Array.from({ length: attention.heads }, (_, head) => ({ name: String(head), kind: "head" }));
  columns.push({ name: "mean", kind: "mean" });
  const others = [];
  for (const other of attention.others) {
    columns.push({ name: other.name, kind: "other", number: others.length });
    others.push({ values: await inflate(other.data), firstLayer: attention.layers - other.layers });
  }
  const area = size * size;
  const means = new Map();
  function mean(layer) {
    if (!means.has(layer)) {
      const sums = new Float32Array(area);
      for (let head = 0; head < attention.heads; head += 1) {
        const begin = (layer * attention.heads + head) * area;
        for (let place = 0; place < area; place += 1) sums[place] += heads[begin + place] ** 2;
      }
      means.set(layer, Uint8Array.from(sums, (sum) => Math.round(Math.sqrt(sum / attention.heads))));
    }
    return means.get(layer);
  }
  function get(layer, column) {
    const { kind, number } = columns[column];
    if (kind === "mean") return mean(layer);
    if (kind === "head") {
      const begin = (layer * attention.heads + column) * area;
      return heads.subarray(begin, begin + area);
    }
    const { values, firstLayer } = others[number];
    return layer < firstLayer ? null : values.subarray((layer - firstLayer) * area, (layer - firstLayer + 1) * area);
  }
  return { layers: attention.layers, columns, size, get };
}

const weightOf = (byte) => (byte / 255) ** 2;

async function inflate(base64) {
  const packed = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The weight that gets the last colour: the greatest one, or three times an even share where all are alike. */
function scaleOf(map, size) {
  const greatest = map.reduce((most, byte) => Math.max(most, byte), 0);
  return Math.min(1, Math.max(weightOf(greatest), 3 / size));
}

/** A map as a canvas of one pixel a weight. */
function paint(canvas, map, size, colours) {
  const factor = 1 / Math.sqrt(scaleOf(map, size));
  canvas.width = size;
  canvas.height = size;
  const context = canvas.getContext("2d");
  const image = context.createImageData(size, size);
  const words = new Uint32Array(image.data.buffer);
  for (let place = 0; place < words.length; place += 1) words[place] = colours[Math.min(255, Math.round(map[place] * factor))];
  context.putImageData(image, 0, 0);
  return canvas;
}

/** What a head does on average: how much it looks at itself, at neighbours, at special tokens, and how broadly. */
function habitsOf(map, text) {
  const size = text.tokens.length;
  const sums = { itself: 0, "the token before": 0, "the token after": 0 };
  const specials = [...new Set(text.tokens.filter((_, place) => text.word_ids[place] === null))];
  for (const token of specials) sums[token] = 0;
  let entropy = 0;
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      const weight = weightOf(map[row * size + column]);
      if (weight > 0) entropy -= weight * Math.log(weight);
      if (row === column) sums.itself += weight;
      if (row === column + 1) sums["the token before"] += weight;
      if (row === column - 1) sums["the token after"] += weight;
      if (text.word_ids[column] === null) sums[text.tokens[column]] += weight;
    }
  }
  return { shares: Object.entries(sums).map(([name, sum]) => [name, sum / size]), entropy: entropy / size };
}
