// All maps of a text side by side, as a grid that is walked through by pointer or keys.

function showOverview(maps, state, onChoice) {
  const grid = byId("grid");
  const rows = [headings(maps)];
  const cells = [];
  for (let layer = 0; layer < maps.layers; layer += 1) {
    const row = make("div", { role: "row" }, make("span", { role: "rowheader" }, String(layer)));
    cells.push(maps.columns.map((column, number) => {
      const cell = make("div", { role: "gridcell", "aria-label": nameOf(layer, column), "aria-selected": "false" });
      if (column.kind !== "head") cell.className = "aggregate";
      if (maps.get(layer, number)) {
        cell.append(make("canvas", { "aria-hidden": "true" }));
        cell.addEventListener("click", () => cell.focus());
        cell.addEventListener("focus", () => {
          mark(layer, number);
          onChoice(layer, number);
        });
      } else {
        cell.setAttribute("aria-disabled", "true");
      }
      row.append(cell);
      return cell;
    }));
    rows.push(row);
  }
  grid.style.gridTemplateColumns = `auto repeat(${maps.columns.length}, minmax(0, 1fr))`;
  grid.replaceChildren(...rows);

  function mark(layer, column) {
    cells.flat().forEach((cell) => cell.setAttribute("aria-selected", "false"));
    cells[layer][column].setAttribute("aria-selected", "true");
    moveTabStop(cells.flat(), cells[layer][column]);
  }
  grid.onkeydown = (event) => {
    const end = maps.columns.length - 1;
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0],
      Home: [0, -end], End: [0, end], PageUp: [-maps.layers, 0], PageDown: [maps.layers, 0] };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const layer = Math.max(0, Math.min(maps.layers - 1, state.layer + moves[event.key][0]));
    const column = Math.max(0, Math.min(end, state.column + moves[event.key][1]));
    if (maps.get(layer, column)) cells[layer][column].focus();
  };
  mark(state.layer, state.column);
  paintOverview(maps);
}

function headings(maps) {
  const tilt = maps.columns.length > 8 ? "tilted" : null;
  const names = maps.columns.map(({ name, kind }) =>
    make("span", { role: "columnheader", class: kind === "head" ? null : tilt }, name),
  );
  return make("div", { role: "row" }, make("span", { role: "columnheader", "aria-label": "Layer" }), ...names);
}

function paintOverview(maps) {
  const colours = weightColours();
  const canvases = byId("grid").querySelectorAll('[role="gridcell"]');
  canvases.forEach((cell, number) => {
    const canvas = cell.firstElementChild;
    if (!canvas) return;
    const column = number % maps.columns.length;
    paint(canvas, maps.get((number - column) / maps.columns.length, column), maps.size, colours);
    canvas.style.imageRendering = maps.size < 24 ? "pixelated" : "auto";
  });
}

function nameOf(layer, column) {
  const names = { head: `head ${column.name}`, mean: "mean of heads", other: column.name };
  return `Layer ${layer}, ${names[column.kind]}`;
}
