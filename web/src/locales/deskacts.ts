import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/deskacts';

export const acts = catalogue('deskacts', en);
