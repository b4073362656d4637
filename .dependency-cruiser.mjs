/**
 * Package boundaries. Dependencies point one way:
 *
 *   store <- vsr <- kernel <- sim | server <- cli        client -> vsr, kernel
 *
 * The fixture in tools/boundary-canary repeats the shape of packages/ with one planted breach for
 * each rule, and tools/boundaries.ts fails when one of them is not reported.
 */
const root = '^(?:tools/boundary-canary/)?packages';

/** What a package may import from the others. */
const allowed = {
  store: [],
  vsr: ['store'],
  kernel: ['store', 'vsr'],
  sim: ['store', 'vsr', 'kernel'],
  server: ['store', 'vsr', 'kernel'],
  client: ['vsr', 'kernel'],
  cli: ['vsr', 'kernel', 'sim', 'server', 'client'],
};

const notTest = '\\.test\\.ts$';
const pureSources = [`${root}/(?:store|vsr|kernel)/src/`, `${root}/sim/src/(?!cli/)`];

const directions = Object.entries(allowed).map(([name, targets]) => {
  const reachable = [name, ...targets].join('|');
  return {
    name: `direction-${name}`,
    comment: `packages/${name} may import only: ${targets.join(', ') || 'nothing'}`,
    severity: 'error',
    from: { path: `${root}/${name}/src/` },
    to: { path: `${root}/(?!(?:${reachable})/)[^/]+/` },
  };
});

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...directions,
    {
      name: 'no-cycles',
      comment:
        'A cycle makes the order of initialisation an accident. Type-only imports are erased and ' +
        'do not count.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'pure-imports-no-host',
      comment:
        'store, vsr, kernel and the library of sim run unchanged in server, VOPR and browser.',
      severity: 'error',
      from: { path: pureSources, pathNot: notTest },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg'] },
    },
    {
      name: 'core-knows-no-host',
      comment: 'The protocol gets events and gives effects; what pumps them builds on it.',
      severity: 'error',
      from: {
        path: `${root}/vsr/src/(?:client|clock|journal|message|replica|std|superblock)/`,
        pathNot: notTest,
      },
      to: { path: `${root}/vsr/src/host/` },
    },
    {
      name: 'client-without-npm',
      comment: 'The client has no runtime dependency outside this repository.',
      severity: 'error',
      from: { path: `${root}/client/src/`, pathNot: notTest },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg'] },
    },
    {
      name: 'only-index-across-packages',
      comment: 'What a package offers to others is what its index.ts exports.',
      severity: 'error',
      from: { path: `${root}/([^/]+)/src/` },
      to: { path: `${root}/[^/]+/`, pathNot: [`${root}/$1/`, `${root}/[^/]+/src/index\\.ts$`] },
    },
    {
      name: 'no-test-code-in-product',
      comment:
        'Tests are not published, and fixtures serve tests alone. The scripted cluster of sim is ' +
        'offered to the tests of its users.',
      severity: 'error',
      from: {
        path: `${root}/[^/]+/src/`,
        pathNot: [notTest, '/testing/', `${root}/sim/src/index\\.ts$`],
      },
      to: { path: [notTest, '/testing/'] },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that can not be resolved escapes every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-undeclared-npm',
      comment: 'A package names every npm module it imports in its own package.json.',
      severity: 'error',
      from: { path: `${root}/[^/]+/src/`, pathNot: notTest },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: '/dist/' },
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    tsConfig: { fileName: 'tsconfig.check.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@kimberlite/source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.d.ts', '.json'],
    },
  },
};
