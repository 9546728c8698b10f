"""Asks for one line of text."""

import tkinter as tk
from collections.abc import Callable
from functools import partial
from tkinter import ttk

from client.menu import bind_places

WIDTH = 360
"""Of a line of text, pixels."""


class Ask(tk.Toplevel):
    """A question above a window. `take` gets the line, and raises `ValueError` to have it asked for again."""

    def __init__(
        self,
        master: tk.Misc,
        scale: float,
        title: str,
        question: str,
        take: Callable[[str], None],
        *,
        value: str = "",
        secret: bool = False,
    ) -> None:
        super().__init__(master)
        self._take = take
        self.title(title)
        self.resizable(False, False)
        self.transient(master.winfo_toplevel())
        self.geometry(f"+{master.winfo_rootx() + round(40 * scale)}+{master.winfo_rooty() + round(60 * scale)}")
        body = ttk.Frame(self, padding=round(16 * scale))
        body.pack(fill="both", expand=True)
        ttk.Label(body, text=question, wraplength=round(WIDTH * scale)).pack(anchor="w")
        self.entry = ttk.Entry(body, width=44, show="•" if secret else "")
        self.entry.insert(0, value)
        self.entry.select_range(0, "end")
        self.entry.pack(fill="x", pady=8)
        events = {"a": "<<SelectAll>>", "c": "<<Copy>>", "v": "<<Paste>>", "x": "<<Cut>>"}
        bind_places(self.entry, {key: partial(self.entry.event_generate, event) for key, event in events.items()})
        self.fault = ttk.Label(body, style="Bad.TLabel", wraplength=round(WIDTH * scale))
        self.fault.pack(anchor="w")
        cancel = ttk.Button(body, text="Cancel", command=self.destroy)
        ok = ttk.Button(body, text="OK", style="Accent.TButton", command=self._answer)
        cancel.pack(side="right", padx=(8, 0))
        ok.pack(side="right")
        for enter in ("<Return>", "<KP_Enter>"):
            cancel.bind(enter, lambda _: self.destroy())
            for widget in (self.entry, ok):
                widget.bind(enter, lambda _: self._answer())
        self.bind("<Escape>", lambda _: self.destroy())
        self.wait_visibility()
        self.grab_set()
        self.entry.focus_set()

    def destroy(self) -> None:
        super().destroy()
        self.master.winfo_toplevel().focus_force()  # some desktops would leave the keys to nobody

    def _answer(self) -> None:
        try:
            self._take(self.entry.get())
        except ValueError as fault:
            self.fault.configure(text=str(fault))
            return
        self.destroy()
