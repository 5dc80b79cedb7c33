import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/support';

export const support = catalogue('support', en);
