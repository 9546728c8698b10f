"""The menu, and the keys, which it shows."""

import sys
import tkinter as tk
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from string import ascii_lowercase

MAC = sys.platform == "darwin"

KEYPAD = {"Return": "KP_Enter", "Delete": "KP_Delete"}
"""What a key is called there."""

LETTERS = (
    {ord(letter.upper()): letter for letter in ascii_lowercase}
    if sys.platform == "win32"
    else dict(zip((*range(24, 34), *range(38, 47), *range(52, 59)), "qwertyuiopasdfghjklzxcvbnm", strict=True))
)
"""What stands on a key, by its number, where there are Latin letters on the keyboard."""

LATIN, SHIFT = 0xFF, 1
"""The greatest number of a sign that Latin keyboards have, and the bit that says that Shift is down."""


@dataclass(frozen=True)
class Action:
    label: str
    do: Callable[[], object]
    key: str
    """As Tk has it, without the brackets: Control-z."""
    other: str = ""
    """A second one, which the menu does not show."""

    @property
    def sequences(self) -> list[str]:
        """What Tk is to wait for: with the caps lock on, a letter is another key."""
        return [sequence for key in (self.key, self.other) if key for sequence in _sequences(key)]

    @property
    def accelerator(self) -> str:
        """The key as a person reads it."""
        *modifiers, key = self.key.split("-")
        name = {"bracketleft": "[", "bracketright": "]", "Return": "Enter"}.get(key, key)
        names = {"Control": "Cmd" if MAC else "Ctrl"}
        return "+".join([*(names.get(modifier, modifier) for modifier in modifiers), name.capitalize()])


def _sequences(named: str) -> list[str]:
    *modifiers, key = named.split("-")
    if MAC:
        modifiers = [modifier.replace("Control", "Command") for modifier in modifiers]
        key = key.replace("Delete", "BackSpace")
    locked = [*modifiers, "Lock", "Key", key.upper()] if len(key) == 1 else []
    keypad = [*modifiers, "Key", KEYPAD[key]] if key in KEYPAD else []
    return [f"<{'-'.join(parts)}>" for parts in ([*modifiers, "Key", key], locked, keypad) if parts]


SEPARATOR = None
"""Among actions: a line."""


Menus = dict[str, list[Action | None]]


def install(root: tk.Tk, menus: Menus) -> tk.Menu:
    """Give `root` the menus, each with its title's first letter as its key, and bind the keys of their actions."""
    bar = tk.Menu(root, tearoff=False)
    for title, actions in menus.items():
        menu = tk.Menu(bar, tearoff=False)
        for action in actions:
            if action is SEPARATOR:
                menu.add_separator()
                continue
            menu.add_command(label=action.label, command=action.do, accelerator=action.accelerator)
        bar.add_cascade(label=title, menu=menu, underline=0)
    root.configure(menu=bar)
    bind(root, menus)
    return bar


def bind(window: tk.Tk | tk.Toplevel, menus: Menus) -> None:
    """Let the keys of all actions work while `window` has the focus."""
    actions = [*filter(None, chain.from_iterable(menus.values()))]
    for action in actions:
        _bind(window, action)
    bind_places(window, {action.key.removeprefix("Control-"): action.do for action in actions})


def _bind(window: tk.Tk | tk.Toplevel, action: Action) -> None:
    for sequence in action.sequences:
        window.bind(sequence, lambda _: action.do())


def bind_places(widget: tk.Misc, actions: dict[str, Callable[[], object]]) -> None:
    """Let Ctrl and a letter do something where the keyboard has another script's letters in the places of those."""

    def press(event: "tk.Event[tk.Misc]") -> None:
        do = actions.get(LETTERS.get(event.keycode, ""))
        if do and event.keysym_num > LATIN and not int(event.state) & SHIFT:
            do()

    if not MAC:
        widget.bind("<Control-Key>", press)
