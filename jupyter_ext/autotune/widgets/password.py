"""A field for a password that is kept nowhere: not in the saved notebook, and not in the state of its widgets.

A field of ipywidgets syncs what is typed, key by key: the value becomes part of the widget's state, which a notebook
may save and other pages of the notebook get too. This one sends what was typed once, in a message of its own.
"""

from collections.abc import Callable
from typing import Any

from anywidget import AnyWidget
from pydantic import SecretStr
from traitlets import Bool, Unicode

_ESM = """
function render({ model, el }) {
  const id = "atw-" + Math.random().toString(36).slice(2);
  el.classList.add("jupyter-widgets", "widget-text", "widget-inline-hbox", "atw-above");
  const label = document.createElement("label");
  label.className = "widget-label";
  label.htmlFor = id;
  label.textContent = model.get("label");
  const input = document.createElement("input");
  Object.assign(input, { id, type: "password", autocomplete: "current-password" });
  input.style.width = "420px";
  const buttons = document.createElement("div");
  buttons.style.cssText = "display:flex;margin-top:6px";
  const send = (action) => {
    if (model.get("is_busy")) return;
    model.send({ action, password: input.value });
    input.value = "";
  };
  const actions = [["sign_in", "Sign in", "mod-primary"], ["sign_up", "Sign up", ""]];
  const made = actions.map(([action, text, style]) => {
    const button = document.createElement("button");
    button.className = ("jupyter-widgets jupyter-button widget-button " + style).trim();
    button.style.width = "auto";
    button.textContent = text;
    button.addEventListener("click", () => send(action));
    buttons.append(button);
    return [button, text];
  });
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") send("sign_in");
  });
  const wait = () => made.forEach(([button, text], index) => {
    button.disabled = model.get("is_busy");
    button.textContent = index === 0 && model.get("is_busy") ? "Working …" : text;
  });
  model.on("change:is_busy", wait);
  wait();
  el.append(label, input, buttons);
  return () => { input.value = ""; model.off("change:is_busy", wait); };
}
export default { render };
"""


class PasswordField(AnyWidget):  # type: ignore[misc] # ipywidgets, from which it is made, has no types
    """An input for a password, with the buttons that send it.

    Attributes:
        label: The label of the input.
        is_busy: Whether the password that was sent is being used; nothing is sent meanwhile.
    """

    _esm = _ESM
    label = Unicode("Password").tag(sync=True)
    is_busy = Bool(False).tag(sync=True)

    def on_send(self, use: Callable[[str, SecretStr], None]) -> None:
        """Call a function with each password that is sent, and with the action: ``sign_in`` or ``sign_up``."""

        def take(_widget: Any, content: dict[str, Any], _buffers: Any) -> None:
            password = SecretStr(str(content.pop("password", "")))
            use(str(content.get("action")), password)

        self.on_msg(take)
