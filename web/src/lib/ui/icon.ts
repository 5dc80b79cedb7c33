import type { Component } from 'svelte';

// An alias, not an interface: Lucide's components take any further attribute, and only aliases fit that.
export type IconProps = {
  size?: number | string;
  strokeWidth?: number | string;
  class?: string;
  'aria-hidden'?: 'true';
};

/** Lucide's icons (imported one by one from @lucide/svelte/icons/…) and our own in ./icons fit this. */
export type IconType = Component<IconProps>;
