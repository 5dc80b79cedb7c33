import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/ui';

export const ui = catalogue('ui', en);
