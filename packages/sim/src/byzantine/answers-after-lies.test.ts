import { ClientId } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { AnswersAfterLies } from './answers-after-lies.ts';

const answer = { client: ClientId(7n), op: 3, requestChecksum: 5n };
/** A batch without a request. */
const empty = { body: new Uint8Array(0), count: 0 };

describe('an answer after a lie', () => {
  it('is wrong where an honest replica committed something else at its op', () => {
    const answers = new AnswersAfterLies();
    answers.onReplied(answer);
    answers.onReplied({ ...answer, op: 4 });
    expect(answers.wrong).toBe(0);
    answers.onCommitted(0, { ...empty, op: 2 });
    expect(answers.wrong).toBe(0);
    answers.onCommitted(0, { ...empty, op: 3 });
    expect(answers.wrong).toBe(1);
    answers.onCommitted(1, { ...empty, op: 3 });
    expect(answers.wrong).toBe(1);
  });
});
