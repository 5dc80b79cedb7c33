import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/passkey';

export const passkeyErrors = catalogue('passkey', en);
