import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/doctor';

export const doctor = catalogue('doctor', en);
