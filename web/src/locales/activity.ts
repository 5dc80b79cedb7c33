import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/activity';

export const activity = catalogue('activity', en);
