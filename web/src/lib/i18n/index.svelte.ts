/**
 * Messages are TypeScript modules, one per area: strings, or functions of typed arguments. English is compiled in with
 * the screen that uses it; another language loads its modules when it is chosen, and must have the same type.
 */
export type Catalogue = Record<string, unknown>;

export type Locale = 'en' | 'zh-Hant' | 'es' | 'ar';

/** Languages whose translation is complete. The switch in the profile shows itself once there are two. */
export const shipped: { id: Locale; name: string }[] = [{ id: 'en', name: 'English' }];

const rightToLeft = new Set<string>(['ar']);

const modules = import.meta.glob<{ default: Catalogue }>('/src/locales/{zh-Hant,es,ar}/*.ts');

let current = $state<Locale>('en');
const loaded = $state<Record<string, Catalogue>>({});

export function locale(): Locale {
  return current;
}

/** Loads a language's messages, then sets `lang` and `dir`; the screens follow without a reload. */
export async function setLocale(next: Locale): Promise<void> {
  const mine = Object.entries(modules).filter(([path]) => path.startsWith(`/src/locales/${next}/`));
  await Promise.all(
    mine.map(async ([path, load]) => {
      const area = path.slice(path.lastIndexOf('/') + 1, -3);
      loaded[`${next}/${area}`] = (await load()).default;
    }),
  );
  current = next;
  document.documentElement.lang = next;
  document.documentElement.dir = rightToLeft.has(next) ? 'rtl' : 'ltr';
  try {
    localStorage.setItem('locale', next);
  } catch {
    // Storage may be closed to us; the choice then lasts until the page is closed.
  }
}

/** Applies the language kept from the last visit. */
export async function restoreLocale(): Promise<void> {
  const kept = document.documentElement.lang;
  if (kept === 'zh-Hant' || kept === 'es' || kept === 'ar') await setLocale(kept);
}

/** The area's messages in the current language; a message that a translation lacks is shown in English. */
export function catalogue<T extends Catalogue>(area: string, english: T): T {
  return new Proxy(english, {
    get: (_, key: string): unknown => loaded[`${current}/${area}`]?.[key] ?? english[key],
  });
}

/** Picks the form that the current language's plural rules ask for. */
export function plural(n: number, forms: Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }): string {
  return forms[new Intl.PluralRules(current).select(n)] ?? forms.other;
}
