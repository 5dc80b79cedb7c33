import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/addresses';

export const addresses = catalogue('addresses', en);
