import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/passkeys';

export const passkeys = catalogue('passkeys', en);
