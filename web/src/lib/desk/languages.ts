import { locale } from '$lib/i18n/index.svelte';

/** "English", "Spanish": a language tag's name, in the language of whoever reads. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames([locale()], { type: 'language' }).of(tag) ?? tag;
  } catch {
    return tag; // not a tag
  }
}
