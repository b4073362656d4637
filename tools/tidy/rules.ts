import { typeAssertion } from './assertion-rule.ts';
import { publicDocstring } from './docstring-rule.ts';
import { dependencyPages, documentReferences } from './document-rules.ts';
import type { Rule } from './finding.ts';
import {
  defaultExport,
  fileLength,
  foreignReference,
  lineLength,
  lockfileComplete,
  lockfileHost,
  machinePath,
  marker,
  registryHost,
} from './text-rules.ts';

/** Every rule of `npm run tidy`. rules.test.ts shows each one firing, and staying silent. */
export const rules: readonly Rule[] = [
  fileLength,
  lineLength,
  marker,
  machinePath,
  foreignReference,
  registryHost,
  lockfileHost,
  lockfileComplete,
  defaultExport,
  documentReferences,
  dependencyPages,
  typeAssertion,
  publicDocstring,
];
