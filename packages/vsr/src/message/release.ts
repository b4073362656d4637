import { assert } from '@kimberlite/store';

/**
 * A version of a build, such as 1.20.3, as it travels in headers: major << 16 | minor << 8 | patch.
 * Each part is below 256; what follows the patch is left out.
 */
export function releaseOf(version: string): number {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})/.exec(version)?.slice(1).map(Number) ?? [];
  const [major = 256, minor = 256, patch = 256] = parts;
  assert(major < 256 && minor < 256 && patch < 256, 'a version has three parts below 256');
  return (major << 16) | (minor << 8) | patch;
}
