import { client } from '../../client/src/index.ts'; // EXPECT direction-server
import { nothing } from './missing.ts'; // EXPECT no-unresolvable
import { helper } from './helper.test.ts'; // EXPECT no-test-code-in-product
import { fixture } from './testing/fixture.ts'; // EXPECT no-test-code-in-product

export const server: string = client + nothing + helper + fixture;
