export type Theme = 'system' | 'light' | 'dark';

function read(): Theme {
  try {
    const kept = localStorage.getItem('theme');
    return kept === 'light' || kept === 'dark' ? kept : 'system';
  } catch {
    return 'system';
  }
}

let current = $state<Theme>(read());

export function theme(): Theme {
  return current;
}

/** Keeps the choice; /theme.js, which ran before the first paint, applies it. */
export function setTheme(next: Theme): void {
  current = next;
  try {
    if (next === 'system') localStorage.removeItem('theme');
    else localStorage.setItem('theme', next);
  } catch {
    document.documentElement.dataset['theme'] = next === 'dark' ? 'dark' : 'light';
    return; // storage is closed to us: the choice lasts until the page is closed
  }
  dispatchEvent(new Event('themechange'));
}
