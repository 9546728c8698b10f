// What is kept for a tab, until it is closed; for the page's own life only, where the browser allows no storage.

export function kept(name) {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

export function keep(name, text) { // null: no longer
  try {
    sessionStorage.removeItem(name); // nothing older stays where there is no room
    if (text !== null) sessionStorage.setItem(name, text);
  } catch { /* no storage, or no room in it */ }
}
