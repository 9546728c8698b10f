"""Asks for one line of text."""

import tkinter as tk
from collections.abc import Callable
from functools import partial
from tkinter import ttk

from client.menu import bind_places


class Ask(tk.Toplevel):
    """A question above a window. `take` gets the line, and raises `ValueError` to have it asked for again."""

    def __init__(
        self,
        master: tk.Misc,
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
        self.geometry(f"+{master.winfo_rootx() + 40}+{master.winfo_rooty() + 60}")
        body = ttk.Frame(self, padding=16)
        body.pack(fill="both", expand=True)
        ttk.Label(body, text=question, wraplength=360).pack(anchor="w")
        self.entry = ttk.Entry(body, width=44, show="•" if secret else "")
        self.entry.insert(0, value)
        self.entry.select_range(0, "end")
        self.entry.pack(fill="x", pady=8)
        events = {"a": "<<SelectAll>>", "c": "<<Copy>>", "v": "<<Paste>>", "x": "<<Cut>>"}
        bind_places(self.entry, {key: partial(self.entry.event_generate, event) for key, event in events.items()})
        self.fault = ttk.Label(body, style="Bad.TLabel", wraplength=360)
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
