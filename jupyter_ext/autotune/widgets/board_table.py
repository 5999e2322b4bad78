"""The page's side of the board's table: one widget, as a widget for each cell is a message to the page for each cell.

What the page knows of a cell and the kernel does not yet is never drawn over: what is being typed, and what was sent
and has not come back as typed or stored. A row in which somebody is stays where it is, whatever the kernel lists.
"""

from collections.abc import Callable, Mapping
from typing import Any

from anywidget import AnyWidget
from traitlets import Dict, List, Unicode

_ESM = """
const put = (node, key, value) => { if (node[key] !== value) node[key] = value; };

function make(parent, kind, properties = {}) {
  const node = document.createElement(kind);
  Object.assign(node, properties);
  parent.append(node);
  return node;
}

function makeCell(row, number, name, send) {
  const box = make(make(row, "td", { role: "cell" }), "div", { className: "jupyter-widgets widget-text" });
  const title = `${name} of run ${number}`;
  const input = make(box, "input", { type: "text", title, ariaLabel: title });
  const error = make(box.parentNode, "div", { className: "atw-field" });
  error.setAttribute("role", "alert");
  const cell = { input, stored: "", shown: "", sent: null };
  cell.isTyped = () => input.value !== cell.shown || (cell.sent !== null && cell.sent.trim() !== cell.stored);
  cell.draw = (stored, typed, wrong) => {
    const value = typed ?? stored;
    cell.stored = stored;
    if (cell.sent?.trim() === value.trim()) cell.sent = null;
    if (cell.sent === null && input.value === cell.shown) {
      put(input, "value", value);
      cell.shown = value;
    }
    put(error, "textContent", wrong ?? "");
    put(input, "ariaInvalid", wrong ? "true" : null);
  };
  input.addEventListener("change", () => {
    cell.sent = cell.shown = input.value;
    send(input.value);
  });
  input.addEventListener("keydown", (event) => event.stopPropagation());
  return cell;
}

function makeRow(model, number) {
  const row = document.createElement("tr");
  row.setAttribute("role", "row");
  make(row, "th", { role: "rowheader", scope: "row", textContent: number });
  const cells = model.get("columns").map(({ name }, place) =>
    makeCell(row, number, name, (text) => model.send({ event: "typed", number, place, text })));
  const state = make(row, "td", { role: "cell" });
  const status = make(state, "span", { className: "atw-soft" });
  const because = make(state, "div");
  const teller = make(state, "div", { className: "atw-soft" });
  const button = make(make(row, "td", { role: "cell" }), "button");
  button.addEventListener("click", () => model.send({ event: "switch", number }));
  const isEntered = () => row.matches(":focus-within");
  row.addEventListener("focusin", (event) => {
    if (!row.contains(event.relatedTarget)) model.send({ event: "entered", number });
  });
  row.addEventListener("focusout", (event) => {
    // Where the window loses the focus, the row has it again when the window has.
    if (!row.contains(event.relatedTarget) && !isEntered()) model.send({ event: "left", number });
  });
  return {
    row,
    isHeld: () => isEntered() || cells.some((cell) => cell.isTyped()),
    draw: (run) => {
      cells.forEach((cell, place) => cell.draw(run.stored[place], run.typed[place], run.wrong[place]));
      put(status, "textContent", run.state);
      put(status, "title", run.because);
      put(because, "textContent", run.because);
      put(teller, "textContent", run.teller && `told by ${run.teller}`);
      const busy = run.is_busy ? " atw-busy" : "";
      put(button, "className", "jupyter-widgets jupyter-button widget-button" + busy);
      put(button, "textContent", run.switch);
      put(button, "title", run.does);
    },
  };
}

function render({ model, el }) {
  el.classList.add("atw", "atw-runs");
  const table = make(el, "table", { role: "table" });
  table.style.gridTemplateColumns = model.get("widths");
  const heads = make(make(table, "thead", { role: "rowgroup" }), "tr", { role: "row" });
  for (const label of ["run", ...model.get("columns").map((column) => column.label), "state", ""]) {
    make(heads, "th", { role: "columnheader", scope: "col", textContent: label });
  }
  const body = make(table, "tbody", { role: "rowgroup" });
  const rows = new Map();
  const draw = () => {
    const runs = model.get("rows");
    const listed = new Set(runs.map((run) => run.number));
    for (const [number, one] of rows) {
      if (listed.has(number) || one.isHeld()) continue;
      one.row.remove();
      rows.delete(number);
    }
    for (const run of runs) {
      if (!rows.has(run.number)) {
        const older = Math.max(...[...rows.keys()].filter((number) => number < run.number));
        const made = makeRow(model, run.number);
        body.insertBefore(made.row, rows.get(older)?.row ?? null);
        rows.set(run.number, made);
      }
      rows.get(run.number).draw(run);
    }
  };
  model.on("change:rows", draw);
  draw();
  return () => model.off("change:rows", draw);
}
export default { render };
"""

_CSS = """
.atw-runs{overflow:auto;scroll-padding:0 90px 0 46px;margin:2px}
.atw.atw-runs table{display:grid;gap:2px 6px;align-items:center;justify-content:flex-start;margin:0}
.atw-runs thead,.atw-runs tbody,.atw-runs tr{display:contents}
.atw.atw-runs th,.atw.atw-runs td{border:0;padding:2px 0;min-width:0}
.atw.atw-runs tbody th{font-weight:600}
.atw-runs .widget-text{width:100%;margin:0}
.atw-runs .widget-text input{width:100%}
.atw-runs button{width:auto}
.atw-runs tr>:first-child,.atw-runs tr>:last-child{position:sticky;left:0;z-index:1;opacity:1;align-self:stretch;
display:flex;align-items:center;background:var(--jp-layout-color0,Canvas)}
.atw-runs tr>:last-child{left:auto;right:0}
"""


class TableOfRuns(AnyWidget):  # type: ignore[misc] # ipywidgets, from which it is made, has no types
    """Rows of inputs, each with a button.

    Attributes:
        columns: The ``label`` of each column of inputs, and its ``name``.
        widths: The widths of all columns, as in CSS.
        rows: The runs, newest first: the ``number``, what is ``stored`` in each column, by the places of columns what
            was ``typed`` over it and what is ``wrong`` with that; the ``state``, ``because`` and ``teller``; the label
            of the button, ``switch``, what it ``does`` and whether it ``is_busy``.
    """

    _esm = _ESM
    _css = _CSS
    columns = List(Dict()).tag(sync=True)
    widths = Unicode().tag(sync=True)
    rows = List(Dict()).tag(sync=True)

    def on_event(self, hear: Callable[[Mapping[str, Any]], None]) -> None:
        """Call a function with each event of the page: ``event``, the ``number`` of the run, and more of each kind.

        Kinds are ``typed``, with the ``place`` of the column and the ``text``; ``switch``, for the button; ``entered``
        and ``left``, as the keyboard's focus moves. These are messages and not a state that is synced: the page holds
        back a state while the kernel is at work, and a click would come before what was typed.
        """
        self.on_msg(lambda _widget, content, _buffers: hear(content))
