"""The menu, and the keys, which it shows."""

import sys
import tkinter as tk
from collections.abc import Callable
from dataclasses import dataclass

MAC = sys.platform == "darwin"


@dataclass(frozen=True)
class Action:
    label: str
    do: Callable[[], object]
    key: str
    """As Tk has it, without the brackets: Control-z."""

    @property
    def sequences(self) -> list[str]:
        """What Tk is to wait for: with the caps lock on, a letter is another key."""
        *modifiers, key = self.key.split("-")
        if MAC:
            modifiers = [modifier.replace("Control", "Command") for modifier in modifiers]
            key = key.replace("Delete", "BackSpace")
        locked = [*modifiers, "Lock", "Key", key.upper()] if len(key) == 1 else []
        return [f"<{'-'.join(parts)}>" for parts in ([*modifiers, "Key", key], locked) if parts]

    @property
    def accelerator(self) -> str:
        """The key as a person reads it."""
        *modifiers, key = self.key.split("-")
        name = {"bracketleft": "[", "bracketright": "]", "Return": "Enter"}.get(key, key)
        names = {"Control": "Cmd" if MAC else "Ctrl"}
        return "+".join([*(names.get(modifier, modifier) for modifier in modifiers), name.capitalize()])


SEPARATOR = None
"""Among actions: a line."""


def install(root: tk.Tk, menus: dict[str, list[Action | None]]) -> tk.Menu:
    """Give `root` the menus, each with its title's first letter as its key, and bind the keys of their actions."""
    bar = tk.Menu(root, tearoff=False)
    for title, actions in menus.items():
        menu = tk.Menu(bar, tearoff=False)
        for action in actions:
            if action is SEPARATOR:
                menu.add_separator()
                continue
            menu.add_command(label=action.label, command=action.do, accelerator=action.accelerator)
            _bind(root, action)
        bar.add_cascade(label=title, menu=menu, underline=0)
    root.configure(menu=bar)
    return bar


def _bind(root: tk.Tk, action: Action) -> None:
    def pressed(event: "tk.Event[tk.Misc]") -> None:
        if event.widget.winfo_toplevel() is root:  # not the dialogs above it
            action.do()

    for sequence in action.sequences:
        root.bind(sequence, pressed)
