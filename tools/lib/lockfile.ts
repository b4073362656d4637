/** One package in package-lock.json; only what is read or written here. */
export interface LockEntry {
  readonly version?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Lockfile {
  readonly packages: Readonly<Record<string, LockEntry>>;
}

/** An optional dependency that the lockfile says nothing about. */
export interface MissingOptional {
  readonly name: string;
  readonly version: string;
  readonly dev: boolean;
}

/**
 * The optional dependencies without an entry. `npm ci` refuses such a lockfile, on every platform.
 * They come about when the lockfile was made from a registry that does not have the binaries of
 * other platforms.
 */
export function missingOptionals(lockfile: Lockfile): readonly MissingOptional[] {
  const missing = new Map<string, MissingOptional>();
  for (const [path, entry] of Object.entries(lockfile.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (`${path}/node_modules/${name}` in lockfile.packages) continue;
      if (`node_modules/${name}` in lockfile.packages) continue;
      missing.set(name, { name, version, dev: entry.dev === true });
    }
  }
  return [...missing.values()];
}

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const processors = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64'];

/**
 * The entry of a platform's binary, with the platform read from its name
 * (`@oxlint/binding-linux-x64-musl`), so that npm passes over it elsewhere. It has no integrity
 * hash: the registry that made this lockfile does not know the package. Null when the name tells
 * no platform or the version is not exact.
 */
export function platformEntry(optional: MissingOptional): LockEntry | null {
  if (!/^\d+\.\d+\.\d+$/.test(optional.version)) return null;
  const words = optional.name.split(/[/-]/);
  const os = systems.find((system) => words.includes(system));
  const cpu = processors.find((processor) => words.includes(processor));
  if (os === undefined || cpu === undefined) return null;
  const libc = words.some((word) => word.startsWith('musl')) ? ['musl'] : ['glibc'];
  return {
    version: optional.version,
    cpu: [cpu],
    ...(optional.dev ? { dev: true } : {}),
    ...(os === 'linux' ? { libc } : {}),
    optional: true,
    os: [os],
  };
}

/** The lockfile with an entry for each optional dependency, in npm's order. */
export function completedLockfile<T extends Lockfile>(lockfile: T): T {
  const packages: Record<string, LockEntry> = { ...lockfile.packages };
  for (const optional of missingOptionals(lockfile)) {
    const entry = platformEntry(optional);
    if (entry === null) throw new Error(`no platform in the name of ${optional.name}`);
    packages[`node_modules/${optional.name}`] = entry;
  }
  const sorted = Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  return { ...lockfile, packages: Object.fromEntries(sorted) };
}
