/** What one version of Node made of the seeds. */
export interface Traces {
  /** The major version that was asked for. */
  readonly wanted: string;
  /** As the binary names itself, such as v24.21.0; null where there was none. */
  readonly version: string | null;
  /** A line a run; or why there are none. */
  readonly found: readonly string[] | string;
}

/** What a comparison came to. */
export interface Comparison {
  readonly failed: boolean;
  readonly lines: readonly string[];
}

/**
 * Compares the runs of several versions. A binary of another version than was asked for proves
 * nothing about the one that was, and fails; so does one that cannot run them, and two without a
 * third to compare with. A version that cannot be had fails where all of them must be there.
 */
export function compareTraces(
  seen: readonly Traces[],
  { allNeeded }: { readonly allNeeded: boolean },
): Comparison {
  const lines: string[] = [];
  const runs: { readonly version: string; readonly found: readonly string[] }[] = [];
  let failed = false;
  for (const { wanted, version, found } of seen) {
    if (version === null) {
      failed ||= allNeeded;
      lines.push(`Node ${wanted}: ${allNeeded ? 'missing' : 'left out'}: ${String(found)}`);
    } else if (majorOf(version) !== wanted) {
      failed = true;
      lines.push(`Node ${wanted}: the binary is ${version}`);
    } else if (typeof found === 'string' || found.length === 0) {
      failed = true;
      lines.push(`Node ${version}: ${typeof found === 'string' ? found : 'it ran nothing'}`);
    } else {
      runs.push({ version, found });
      lines.push(`Node ${version}: ${found.length} runs`);
    }
  }
  const [first, ...others] = runs;
  if (first === undefined || others.length === 0) {
    return { failed: true, lines: [...lines, 'Nothing was compared.'] };
  }
  const differing = others.flatMap((other) => differences(first, other));
  failed ||= differing.length > 0;
  return { failed, lines: [...lines, ...differing, ...(failed ? [] : ['All traces are equal.'])] };
}

interface Run {
  readonly version: string;
  readonly found: readonly string[];
}

function differences(first: Run, other: Run): string[] {
  const least = Math.max(first.found.length, other.found.length);
  return Array.from({ length: least }, (_, at) => at).flatMap((at) => {
    const [here, there] = [other.found[at] ?? 'nothing', first.found[at] ?? 'nothing'];
    return here === there
      ? []
      : [`${other.version} differs from ${first.version}: ${here}, not ${there}`];
  });
}

function majorOf(version: string): string {
  return /^v([0-9]+)\./.exec(version)?.[1] ?? '';
}
