/** Version of this build, as in package.json. */
export const VERSION = '0.1.0';

/** The version as it travels in headers: major << 16 | minor << 8 | patch. */
export function releaseOf(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return (major << 16) | (minor << 8) | patch;
}
