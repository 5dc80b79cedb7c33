import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/demo';

export const demo = catalogue('demo', en);
