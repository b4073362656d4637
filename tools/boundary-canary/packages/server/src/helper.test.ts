export const helper: string = 'test code';
