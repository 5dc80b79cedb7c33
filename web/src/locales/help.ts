import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/help';

export const help = catalogue('help', en);
