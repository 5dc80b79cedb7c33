import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/home';

export const home = catalogue('home', en);
