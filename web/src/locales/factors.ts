import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/factors';

export const factors = catalogue('factors', en);
