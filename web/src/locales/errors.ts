import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/errors';

export const errors = catalogue('errors', en);
