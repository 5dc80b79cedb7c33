import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/desk';

export const words = catalogue('desk', en);
