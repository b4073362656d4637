import { type Op, opPrevious } from '../../std/numbers.ts';
import type { Replica } from '../replica.ts';

/** The newest op of this log whose prepare is on this disk, as far as is known without reading. */
export function durableHead(r: Replica): Op {
  let { op } = r;
  while (op > r.commitMin && !r.journal.isDurable(op)) op = opPrevious(op);
  return r.journal.isDurable(op) ? op : r.checkpoint.op;
}
